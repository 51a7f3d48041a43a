# SPDX-License-Identifier: Apache-2.0
"""Asking another host: `ibstack host facts -f json` there, by ssh or whatever reaches it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.verify.port.place_facts import PlaceFacts, Question, from_json

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_WAY: Final = "ssh -o BatchMode=yes -o ConnectTimeout=5 {host}"
_TIMEOUT_S: Final = 30
_SAID: Final = 200
_PARTS: Final = ("vf", "fabric", "dhcp", "group")


@dataclass(frozen=True, slots=True)
class Reach:
    """*way*: a command line with {host} in it, before which the command to run there is put."""

    way: str = DEFAULT_WAY

    def look(self, host: str, question: Question) -> PlaceFacts:
        """Ask *host*; where it cannot be asked, each part says why."""
        argv = [
            *(word.replace("{host}", host) for word in shlex.split(self.way)),
            *_words(question),
        ]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return nothing(f"{host} did not answer within {_TIMEOUT_S} s")
        except OSError as error:
            return nothing(f"{argv[0]} cannot be run: {error.strerror}")
        try:
            return from_json(PlaceFacts, json.loads(done.stdout))
        except (ValueError, BadValue):
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:_SAID]
            return nothing(f"{host} could not be asked, status {done.returncode}: {said}")


def _words(question: Question) -> Iterator[str]:
    """Return the command, of words that need no quoting, for ssh hands them to a shell."""
    yield from ("ibstack", "host", "facts", "-f", "json")
    if question.mac:
        yield from ("--mac", question.mac)
    if question.pci is not None:
        yield from ("--pci", question.pci)
    if question.key is not None:
        yield from ("--key", f"0x{question.key:04x}")
    if question.port_id is not None:
        yield from ("--port-id", question.port_id)
    for guid in question.guids:
        yield from ("--guid", guid)
    if question.network is not None:
        yield from ("--network", question.network)
    if question.group is not None:
        yield from ("--group", f"0x{question.group:04x}")


def nothing(why: str) -> PlaceFacts:
    """Return the answer of a host that nobody could ask."""
    return PlaceFacts(missing=dict.fromkeys(_PARTS, why))

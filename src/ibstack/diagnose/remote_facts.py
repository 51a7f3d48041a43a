# SPDX-License-Identifier: Apache-2.0
"""Asking another host: `ibstack host facts -f json` there, by ssh or whatever reaches it.

Names of hosts are what agents report, and parts of a question are what other hosts answered: who
has one host or the message bus must not run commands on the others.  So here, and only here, each
word is judged before a process starts.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.diagnose.host_facts import HostFacts, Question, read_answer
from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator

SSH_COMMAND: Final = "ssh -o BatchMode=yes -o ConnectTimeout=5 -- {host}"
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
"""No option, and nothing that the shell of the other host, to which ssh hands it, may mean."""
_TIMEOUT_S: Final = 30
_SAID: Final = 200
_COMMAND: Final = ("ibstack", "host", "facts", "-f", "json")
_PARTS: Final = ("vf", "fabric", "dhcp", "group")


@dataclass(frozen=True, slots=True)
class RemoteHosts:
    """*command*: a command line with {host} in it, before which the command to run there is put."""

    command: str = SSH_COMMAND

    def read(self, host: str, question: Question) -> HostFacts:
        """Ask *host*; where it cannot be asked, each part says why."""
        if not _HOST.fullmatch(host):
            return no_facts(f"{host!r} was not asked: that is no name of a host")
        asked = dict(_words(question))
        odd = [word for words in asked.values() for word in words if not _WORD.fullmatch(word)]
        if odd:
            return no_facts(f"{host} was not asked: {odd[0]!r} may not be handed to another host")
        argv = [
            *(word.replace("{host}", host) for word in shlex.split(self.command)),
            *_COMMAND,
            *(each for option, words in asked.items() for word in words for each in (option, word)),
        ]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
                errors="replace",
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return no_facts(f"{host} did not answer within {_TIMEOUT_S} s")
        except OSError as error:
            return no_facts(f"{argv[0]} cannot be run: {error.strerror}")
        return _answer(host, done)


def _answer(host: str, done: subprocess.CompletedProcess[str]) -> HostFacts:
    try:
        return read_answer(json.loads(done.stdout))
    except BadValue as error:
        return no_facts(
            f"{host} runs another release of ibstack, whose answer cannot be read here:"
            f" {error.why[:_SAID]}"
        )
    except (ValueError, RecursionError):
        said = (done.stderr.strip().splitlines() or ["it said nothing that can be read"])[-1]
        return no_facts(f"{host} could not be asked, status {done.returncode}: {said[:_SAID]}")


def _words(question: Question) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the options of the question, each with its values."""
    if question.mac:
        yield "--mac", (question.mac,)
    if question.pci is not None:
        yield "--pci", (question.pci,)
    if question.key is not None:
        yield "--key", (f"0x{question.key:04x}",)
    if question.port_id is not None:
        yield "--port-id", (question.port_id,)
    yield "--guid", question.guids
    if question.network is not None:
        yield "--network", (question.network,)
    if question.group is not None:
        yield "--group", (f"0x{question.group:04x}",)
    if question.physical_network is not None:
        yield "--physical-network", (question.physical_network,)


def no_facts(why: str) -> HostFacts:
    """Return the answer of a host that nobody could ask."""
    return HostFacts(missing=dict.fromkeys(_PARTS, why))

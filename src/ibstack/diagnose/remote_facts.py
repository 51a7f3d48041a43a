# SPDX-License-Identifier: Apache-2.0
"""Asking other hosts: `ibstack host facts -f json` there, by what reaches them.

Names of hosts are what agents report, and parts of a question are what other hosts answered: who
has one host or the message bus must not run commands on the others.  So here, and only here, each
word is judged before anything is run.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.diagnose.host_facts import HostFacts, Question, read_answer
from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.transport.command import CommandResult, RunsCommands

_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
"""No option, and nothing that the shell of the other host, to which ssh hands it, may mean."""
_SAID: Final = 200
_COMMAND: Final = ("ibstack", "host", "facts", "-f", "json")
_PARTS: Final = ("vf", "fabric", "dhcp", "group")


@dataclass(frozen=True, slots=True)
class RemoteHosts:
    """Other hosts, which *transport* runs commands on."""

    transport: RunsCommands

    def read(self, questions: Mapping[str, Question]) -> dict[str, HostFacts]:
        """Ask all hosts at once; where one cannot be asked, each part of its answer says why."""
        refused = {host: why for host, each in questions.items() if (why := _refusal(host, each))}
        commands = {
            host: [*_COMMAND, *(word for words in _options(each) for word in words)]
            for host, each in questions.items()
            if host not in refused
        }
        results = self.transport.run(commands) if commands else {}
        return {
            host: no_facts(refused[host]) if host in refused else _answer(host, results[host])
            for host in questions
        }


def _refusal(host: str, question: Question) -> str:
    """Return why *host* is not asked, empty: it may be."""
    if not _HOST.fullmatch(host):
        return f"{host!r} was not asked: that is no name of a host"
    for _, word in _options(question):
        if not _WORD.fullmatch(word):
            return f"{host} was not asked: {word!r} may not be handed to another host"
    return ""


def _answer(host: str, done: CommandResult) -> HostFacts:
    if done.status is None:
        return no_facts(f"{host} could not be asked: {done.why}")
    try:
        return read_answer(json.loads(done.out))
    except BadValue as error:
        return no_facts(
            f"{host} runs another release of ibstack, whose answer cannot be read here:"
            f" {error.why[:_SAID]}"
        )
    except (ValueError, RecursionError):
        said = done.err or "it said nothing that can be read"
        return no_facts(f"{host} could not be asked, status {done.status}: {said[:_SAID]}")


def _options(question: Question) -> Iterator[tuple[str, str]]:
    """Yield (option, value), in the order in which they are handed over."""
    key, group = (
        None if number is None else f"0x{number:04x}" for number in (question.key, question.group)
    )
    options = (
        ("--mac", question.mac or None),
        ("--pci", question.pci),
        ("--key", key),
        ("--port-id", question.port_id),
        *(("--guid", guid) for guid in question.guids),
        ("--network", question.network),
        ("--group", group),
        ("--physical-network", question.physical_network),
    )
    yield from ((option, value) for option, value in options if value is not None)


def no_facts(why: str) -> HostFacts:
    """Return the answer of a host that nobody could ask."""
    return HostFacts(missing=dict.fromkeys(_PARTS, why))

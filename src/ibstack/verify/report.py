# SPDX-License-Identifier: Apache-2.0
"""The findings of many checks as a person reads them: failures first, hosts folded, once each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import DIFFERS, NOT_KNOWN
from ibstack.formats.nodeset import fold
from ibstack.verify.check import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ibstack.verify.check import Check

_ORDER: Final = (State.FAILED, State.NOT_KNOWN, State.OK)
_NAMED: Final = 3
"""How many things of one kind are named in a line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding that several hosts, or several things, have in common."""

    check: Check
    """Of the first of them."""
    hosts: tuple[str, ...]
    things: tuple[str, ...]

    @property
    def subject(self) -> str:
        """Who it is about: `node[002-003]`, `node002 port 0x…`; empty: the site as a whole."""
        more = len(self.things) - _NAMED
        things = ", ".join(self.things[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        return " ".join(part for part in (fold(self.hosts), things) if part)

    def line(self) -> str:
        """Return the answer as a sentence: who, which fact, what was found where, what to do."""
        check = self.check
        about = f"{self.subject}: " if self.subject else ""
        source = f" ({check.source})" if check.source else ""
        if check.state is State.NOT_KNOWN:
            return f"{check.state.value}: {about}whether {check.fact}: {check.why}{source}"
        if check.state is State.OK:
            return f"{check.state.value}: {about}{check.fact}: {check.found}{source}"
        return (
            f"{check.state.value}: {about}not true that {check.fact}: found {check.found}{source},"
            f" wanted {check.wanted}; {check.remedy}"
        )


def entries(checks: Iterable[Check]) -> list[Entry]:
    """Return one entry for all findings that say the same, failures first."""
    groups: dict[tuple[object, ...], list[Check]] = {}
    for check in checks:
        said = (check.id, check.state, check.found, check.why, check.wanted, check.source)
        # Hosts fold for one thing of theirs; things of one host fold when they say the same.
        groups.setdefault((*said, check.remedy, _kind(check)), []).append(check)
    found = [
        Entry(
            group[0],
            tuple(sorted({check.host for check in group})),
            tuple(dict.fromkeys(check.thing for check in group if check.thing)),
        )
        for group in groups.values()
    ]
    ids = list(dict.fromkeys(check[0] for check in groups))

    def order(each: Entry) -> tuple[object, ...]:
        check = each.check
        return _ORDER.index(check.state), check.rank, ids.index(check.id), each.subject

    return sorted(found, key=order)


def _kind(check: Check) -> str:
    """Return the thing itself; of ports, which differ by number alone, the word."""
    return "port" if check.thing.startswith("port ") else check.thing


def summary(checks: Iterable[Check]) -> str:
    """Return how many there are of each."""
    count = Counter(check.state for check in checks)
    return (
        f"{count[State.OK]} hold, {count[State.FAILED]} failed,"
        f" {count[State.NOT_KNOWN]} could not be looked at"
    )


def exit_status(checks: Sequence[Check]) -> int:
    """Return 0 where all holds, 3 where anything failed, 4 where something is not known."""
    states = {check.state for check in checks}
    if State.FAILED in states:
        return DIFFERS
    return 0 if states == {State.OK} else NOT_KNOWN

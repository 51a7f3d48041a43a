# SPDX-License-Identifier: Apache-2.0
"""What one step of a port's way shows."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibstack.diagnose.cloud_facts import CloudFacts
    from ibstack.diagnose.host_facts import DhcpFacts, FabricFacts, GroupFacts, VfFacts


class State(enum.Enum):
    """What is to be thought of a step."""

    RIGHT = "right"
    WRONG = "wrong"
    WAITS = "waits"
    """Not there yet; what it waits for may be a step further on."""
    NOT_KNOWN = "not looked at"
    """It could not be looked at, so nobody knows."""
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and where it was read."""

    state: State
    found: str
    source: str
    answer: str = ""
    """What is wrong, for the first line; where it is wrong, or waits."""
    remedy: str = ""
    """What to do: one sentence without its end."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that could be read.  A part that could not be is None, and *missing* says why."""

    cloud: CloudFacts
    vf: VfFacts | None = None
    fabric: FabricFacts | None = None
    dhcp: tuple[DhcpFacts, ...] = ()
    group: GroupFacts | None = None
    missing: tuple[tuple[str, str], ...] = ()
    """Part (`vf`, `fabric`, `dhcp`, `group`) and why."""

    def why_missing(self, part: str) -> str:
        found = [why for name, why in self.missing if name == part]
        return "; ".join(found) or "nobody could be asked"


def right(found: str, source: str) -> Finding:
    return Finding(State.RIGHT, found, source)


def wrong(found: str, source: str, answer: str, remedy: str) -> Finding:
    return Finding(State.WRONG, found, source, answer, remedy)


def waits(found: str, source: str, answer: str, remedy: str) -> Finding:
    return Finding(State.WAITS, found, source, answer, remedy)


def not_known(why: str, source: str) -> Finding:
    return Finding(State.NOT_KNOWN, why, source)


def not_needed(why: str, source: str) -> Finding:
    return Finding(State.NOT_NEEDED, why, source)

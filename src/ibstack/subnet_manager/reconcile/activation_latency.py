# SPDX-License-Identifier: Apache-2.0
"""How long it takes from hearing of a member to the proof that it is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.fabric.member import Member


class ActivationLatency:
    """Remembers since when each member is desired.  Time is in seconds on the given clock.

    What was desired before this fabricd took office is not measured: it may be in force already.
    """

    def __init__(self, clock: Callable[[], float], proved: Callable[[float], None]) -> None:
        """*proved* is called with the seconds that a member took."""
        self._clock = clock
        self._proved = proved
        self._heard: object = None
        self._known: dict[str, Member] | None = None
        self._since: dict[str, tuple[Member, float]] = {}

    def forget(self) -> None:
        """Somebody else was in charge: what is desired now is taken for old."""
        self._heard, self._known, self._since = None, None, {}

    def on_desired(self, desired: tuple[Member, ...]) -> None:
        """Take in what is desired now, all of it."""
        if desired is self._heard:
            return
        now, fresh = self._clock(), {member.port_id: member for member in desired}
        if self._known is not None:
            old, known = self._since, self._known
            self._since = {
                port: old.get(port, (member, now)) if known.get(port) == member else (member, now)
                for port, member in fresh.items()
                if known.get(port) != member or port in old
            }
        self._heard, self._known = desired, fresh

    def on_in_force(self, in_force: Mapping[str, Member]) -> None:
        """Take in which members are in force now, by port."""
        now = self._clock()
        for port, (member, since) in list(self._since.items()):
            if in_force.get(port) == member:
                self._proved(now - since)
                del self._since[port]

# SPDX-License-Identifier: Apache-2.0
"""What Neutron desires of a fabric, by its latest answer."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import TryLater
from ibstack.subnet_manager.reconcile.pass_context import Desired

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from ibstack.fabric.member import Member
    from ibstack.neutron.client.rpc_client import PluginClient
    from ibstack.neutron.protocol.replies import Held
    from ibstack.subnet_manager.reconcile.kept_members import KeptMembers
    from ibstack.subnet_manager.reconcile.published_members import PublishedMembers


class NeutronCloud:
    """Asks when a hint has come, and every *poll_s* seconds; in between the last answer holds, for
    OpenSM needs looking after while Neutron or the broker is away.
    """

    def __init__(
        self,
        client: PluginClient,
        physical_network: str,
        poll_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        kept: KeptMembers | None = None,
        published: PublishedMembers | None = None,
    ) -> None:
        """*kept* remembers over a restart what ports keep; None: nothing does.

        *published* tells what else those have at the start that are held.
        """
        self._kept_before = kept
        self._published = published
        self._client = client
        self._physical_network = physical_network
        self._poll_s = poll_s
        self._clock = clock
        self._latest: Desired | None = None
        self._answers = 0
        self._etag: str | None = None
        self._due_at = clock()
        self._hinted = threading.Event()

    def hint(self) -> None:
        """Ask at the next pass.  May be called from any thread."""
        self._hinted.set()

    def desired(self) -> Desired | None:
        if not self._hinted.is_set() and self._clock() < self._due_at and self._latest:
            return self._latest
        self._hinted.clear()
        try:
            self._ask()
        except TryLater as error:
            self._hinted.set()
            if self._latest is None:
                raise
            return replace(self._latest, trouble=error)
        return self._latest

    def report(self, etag: str, in_force: Collection[str]) -> None:
        unknown = self._client.report_fabric(self._physical_network, etag, in_force)
        if unknown:
            # Bound elsewhere or deleted since: the next answer will say so.
            self._hinted.set()

    def _ask(self) -> None:
        answer = self._client.fabric_members(self._physical_network, self._etag)
        if answer.members is not None:
            kept = tuple(self._kept(answer.held))
            if self._kept_before is not None:
                self._kept_before.store(kept)
            self._latest = Desired(
                answer.etag,
                (*answer.members, *kept),
                left=answer.left,
                hosts=answer.hosts,
                alarms=tuple(map(str, answer.claims)),
            )
        # Another one also says that what was looked at is new, and the same.
        self._etag = answer.etag
        self._answers += 1
        if self._latest is not None:
            self._latest = replace(self._latest, answers=self._answers)
        self._due_at = self._clock() + self._poll_s

    def _kept(self, held: Collection[Held]) -> Iterator[Member]:
        """Yield what ports have whose adapter their host does not report any more.

        An adapter that is reset, or an agent that was given another file, is no word of Neutron's
        that the port has left: its guest goes on with what it had on that host, in that partition.
        """
        still = {
            (each.port_id, each.host, each.key)
            for each in held
            if each.host is not None and each.key is not None
        }
        if self._latest is not None:
            before = self._latest.members
        else:
            before = () if self._kept_before is None else self._kept_before.load()
        kept = [one for one in before if (one.port_id, one.host, one.key) in still]
        yield from kept
        if self._latest is None and self._published is not None:
            known = {(one.port_id, one.host, one.key) for one in kept}
            yield from self._published.of(sorted(still - known))

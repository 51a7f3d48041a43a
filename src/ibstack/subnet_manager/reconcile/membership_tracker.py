# SPDX-License-Identifier: Apache-2.0
"""Which of the members that Neutron wants are in force, and telling Neutron so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ibstack.subnet_manager.policy.plan import Admit, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ibstack.fabric.member import Member
    from ibstack.subnet_manager.policy.plan import DesiredPartitions
    from ibstack.subnet_manager.reconcile.activation_latency import ActivationLatency
    from ibstack.subnet_manager.reconcile.pass_context import Desired, PassContext
    from ibstack.subnet_manager.reconcile.read_back import ReadBack


class Reports(Protocol):
    """Who is told which ports are served: Neutron over RPC, or a test's own list."""

    def report(self, etag: str, in_force: Collection[str]) -> None:
        """Say of which ports the memberships are in force; TryLater where that fails."""
        ...


class MembershipTracker:
    """Remembers what was seen in force.  A master's work: a standby serves nobody."""

    def __init__(
        self,
        cloud: Reports,
        read_back: ReadBack,
        latency: ActivationLatency,
        *,
        serves_vports: bool | None,
    ) -> None:
        """*serves_vports*: False where a VF with a GUID of its own is never in force."""
        self._cloud = cloud
        self._read_back = read_back
        self._latency = latency
        self._serves_vports = serves_vports
        self._fit: Mapping[str, Member] = {}
        self._in_force: dict[str, Member] = {}
        self._unfit = 0
        self._reported: tuple[str, frozenset[str]] | None = None

    @property
    def members(self) -> Mapping[str, int]:
        """Return how many of the members that are wanted are in which state."""
        in_force = len(self._in_force)
        waiting = len(self._fit) - in_force
        return {"in_force": in_force, "waiting": waiting, "unfit": self._unfit}

    def forget(self) -> None:
        """Somebody else is in charge of this fabric now."""
        self._latency.forget()
        self._fit, self._in_force, self._unfit = {}, {}, 0
        self._reported = None

    def set_desired(self, desired: Desired, wanted: DesiredPartitions) -> None:
        """Take in what is wanted, whether or not it can be published."""
        self._latency.on_desired(desired.members)
        self._fit = {
            member.port_id: member
            for member in desired.members
            if member.port_id not in wanted.unfit
            and (member.shared or self._serves_vports is not False)
        }
        self._in_force = {p: m for p, m in self._in_force.items() if self._fit.get(p) == m}
        self._unfit = len(desired.members) - len(self._fit)

    def confirm(self, leaving: set[Step], now: PassContext) -> list[Step]:
        """Read back what is new, and what of *leaving* has left, which is taken out of it.

        Returns what the tables do not show in time.
        """
        steps: dict[str, Step] = {
            port_id: Admit(member.key, member.guid, member.membership)
            for port_id, member in self._fit.items()
            if port_id not in self._in_force
        }
        wanted = {(step.key, step.guid) for step in steps.values()}
        leaving.difference_update([s for s in leaving if (s.key, s.guid) in wanted])
        late = self._read_back.unmet({*steps.values(), *leaving}, now.shared)
        leaving.intersection_update(late)
        self._in_force.update({p: self._fit[p] for p, step in steps.items() if step not in late})
        self._latency.on_in_force(self._in_force)
        return late

    def report(self, desired: Desired) -> None:
        """Tell the cloud: again for every etag, which changes when a port waits to be told."""
        ports = frozenset(self._in_force)
        if self._reported != (desired.etag, ports):
            if ports:
                self._cloud.report(desired.etag, ports)
            self._reported = desired.etag, ports

# SPDX-License-Identifier: Apache-2.0
"""Applying what is desired until it is in force, and what of it has to wait."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.subnet_manager.policy.mass_removal import NOTHING_HELD, hold_mass_removal
from ibstack.subnet_manager.policy.plan import Expel, Step, apply, first_batch, hold_removals, plan
from ibstack.subnet_manager.policy.site import TenantKeys
from ibstack.subnet_manager.reconcile.operator_requests import Order, execute
from ibstack.subnet_manager.reconcile.standby_state import is_stale
from ibstack.subnet_manager.seam import Declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Partition, PartitionKey, Partitions
    from ibstack.subnet_manager.policy.mass_removal import Kept
    from ibstack.subnet_manager.policy.plan import DeferredRemovals, DesiredPartitions, Place
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.reconcile.held_removals import HeldRemovals
    from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests
    from ibstack.subnet_manager.reconcile.pass_context import PassContext
    from ibstack.subnet_manager.reconcile.read_back import Patience, ReadBack
    from ibstack.subnet_manager.seam import Declared, Role, SubnetManager
    from ibstack.subnet_manager.settings import Settings

LOG = logging.getLogger(__name__)

_STEPS_LOGGED: Final = 20


class PartitionApplier:
    """Declares partitions to one subnet manager, as master or as standby."""

    def __init__(
        self,
        settings: Settings,
        manager: SubnetManager,
        requests: OperatorRequests,
        removals: HeldRemovals,
        read_back: ReadBack,
        patience: Patience,
        clock: Callable[[], float],
    ) -> None:
        self.manager = manager
        self._settings = settings
        self._requests = requests
        self._removals = removals
        self._read_back = read_back
        self._patience = patience
        self._clock = clock
        self._since: Mapping[Place, float] = {}
        """When each membership that waits was first seen gone, on *clock*."""
        self._allowed = False
        self.leaving: set[Step] = set()
        """What was expelled, and was not yet seen to have gone."""

    def execute_requests(self) -> None:
        """Restore or take over what stands there, as a person has ordered."""
        execute(self._requests, self.manager)

    @property
    def allows_removals(self) -> bool:
        """Return whether a person has ordered to declare once, however many members go."""
        return self._requests.ordered(Order.ALLOW_REMOVALS)

    def forget(self) -> None:
        """Another subnet manager may have been master, on this host or elsewhere."""
        self.manager.invalidate()
        self.leaving.clear()

    def declared_ours(self, site: Site) -> tuple[Partitions, frozenset[Guid], IbstackError | None]:
        """Return what is declared of ours, which members are physical ports; and why neither."""
        try:
            found = self.manager.declared()
        except IbstackError as error:
            return {}, frozenset(), error
        return _ours(found, TenantKeys(site.keys)), found.physical, None

    def defer(
        self, wanted: DesiredPartitions, published: Partitions, physical: frozenset[Guid]
    ) -> tuple[DeferredRemovals, Kept]:
        """Return what to declare now, while some removals wait; and what a mass removal holds.

        *physical*: of what is wanted and of what is declared, the members that are physical ports.
        """
        settings = self._settings
        # One that comes while this pass goes on is for the next.
        allowed = self._allowed = self.allows_removals
        share = 1.0 if allowed else settings.max_removed_share
        before = NOTHING_HELD if allowed else self._removals.load()
        kept = hold_mass_removal(wanted.partitions, published, share, physical, before)
        self._removals.store(kept.held)
        held = hold_removals(
            kept.partitions,
            published,
            physical,
            self._since,
            now=self._clock(),
            grace_s=settings.removal_grace_s,
        )
        self._since = held.since
        return held, kept

    def apply(self, now: PassContext, rewrite: frozenset[Guid] = frozenset()) -> int:
        """Apply what is to be in force; in two declarations where a port changes its tenant.

        Returns how much was changed.  *rewrite*: ports whose tables are to be written anew.
        """
        changed = 0
        while True:
            have = _ours(self.manager.declared(), now.mine)
            steps = plan(now.held.partitions, have, now.mine)
            batch = first_batch(steps, now.shared)
            if self._put_in_force(_declaration(apply(batch, have), now, rewrite)):
                self._after_declaring(batch, now)
                changed += max(len(batch), 1)
            if len(batch) == len(steps):
                self._drop_idle_order(now)
                return changed
            self._await_gone(batch, now)

    def follow(self, now: PassContext, ask_anew: Callable[[], None]) -> None:
        """Keep what is declared equal to the master's; it comes into force at a takeover."""
        found = self.manager.declared()
        if found.is_masters is False:
            ask_anew()  # The master has declared what we may not have heard of.
        have = _ours(found, now.mine)
        steps = plan(now.held.partitions, have, now.mine)
        confirmed = now.desired.trouble is None
        declaration = _declaration(apply(steps, have), now, frozenset())
        if self.manager.prepare(declaration, confirmed=confirmed):
            self._after_declaring(steps, now)
        elif not steps:
            self._drop_idle_order(now)

    def is_stale(self, role: Role) -> bool:
        """Tell of a standby whether what it would take over with is another than the master's.

        As far as that can be told now.
        """
        try:
            found = self.manager.declared()
        except IbstackError:
            return True
        return is_stale(role, found, (), ())

    def _put_in_force(self, declaration: Declaration) -> bool:
        """Return whether anything was declared anew, when it is in force; TryLater where it is not.

        The limit counts from before the subnet manager was told.
        """
        started = self._clock()
        receipt = self.manager.apply(declaration)
        if receipt.seen:
            return receipt.fresh
        limit_s = self._settings.limits.proof_s
        left_s = limit_s - (self._clock() - started)
        if not self._patience.until(lambda: bool(self.manager.in_force(receipt)), left_s):
            raise TryLater(receipt.overdue.replace("{limit_s}", f"{limit_s:g}"))
        LOG.debug("proved by %s after %.0f ms", receipt.mark, 1000 * (self._clock() - started))
        return receipt.fresh

    def _await_gone(self, batch: list[Step], now: PassContext) -> None:
        gone = [step for step in batch if isinstance(step, Expel)]
        for step in self._read_back.unmet(gone, now.shared):
            raise TryLater(f"cannot yet {step}, so its port may not enter another partition")

    def _after_declaring(self, steps: list[Step], now: PassContext) -> None:
        hosts = {member.guid: member.host for member in now.desired.members}
        for step in steps[:_STEPS_LOGGED]:
            LOG.info("%s: %s", hosts.get(step.guid, "gone from its host"), step)
        if len(steps) > _STEPS_LOGGED:
            LOG.info("and %d more steps", len(steps) - _STEPS_LOGGED)
        self.leaving.update(step for step in steps if isinstance(step, Expel))
        if self._allowed and now.held.next_due_s is None:
            self._requests.done(Order.ALLOW_REMOVALS)
            self._allowed = False

    def _drop_idle_order(self, now: PassContext) -> None:
        """End an order to allow removals where there are none: it would let the next ones go.

        Given twice, say.  What Neutron wants has to be known, and nothing to wait for its time.
        """
        waits = now.desired.trouble is not None or now.held.next_due_s is not None
        if self._allowed and not waits:
            self._requests.done(Order.ALLOW_REMOVALS)
            self._allowed = False
            LOG.info("nothing is left to go: `ibstack partition allow-removals` is done")


def _declaration(
    partitions: Mapping[PartitionKey, Partition], now: PassContext, rewrite: frozenset[Guid]
) -> Declaration:
    return Declaration(partitions, now.shared, now.site, rewrite)


def _ours(found: Declared, mine: TenantKeys) -> Partitions:
    return {key: each for key, each in found.partitions.items() if key in mine}

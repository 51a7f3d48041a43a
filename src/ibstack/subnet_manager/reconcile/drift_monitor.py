# SPDX-License-Identifier: Apache-2.0
"""A look at the whole fabric in time: what differs from what is expected, and the repair of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from ibstack.fabric.partition import SCRATCH_KEY, Membership
from ibstack.subnet_manager.policy.both_audits import both
from ibstack.subnet_manager.policy.drift import Expected, audit
from ibstack.subnet_manager.policy.plan import Admit
from ibstack.subnet_manager.reconcile.drift_record import DriftRecord, say
from ibstack.subnet_manager.reconcile.operator_requests import Order
from ibstack.subnet_manager.reconcile.standby_state import StandbyState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.member import LeftVf
    from ibstack.fabric.partition import PartitionKey, Partitions
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.policy.drift import Audit, Survey
    from ibstack.subnet_manager.policy.plan import DesiredPartitions
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests
    from ibstack.subnet_manager.reconcile.partition_applier import PartitionApplier
    from ibstack.subnet_manager.reconcile.pass_context import PassContext
    from ibstack.subnet_manager.reconcile.read_back import ReadBack
    from ibstack.subnet_manager.seam import Manager
    from ibstack.subnet_manager.settings import Settings

LOG = logging.getLogger(__name__)


class GroupAudit(Protocol):
    """Who knows the multicast groups of the subnet manager on this host."""

    @property
    def known(self) -> bool:
        """Tell whether the last look knew them."""
        ...

    def audit(self, survey: Survey) -> Audit:
        """Return every group that is missing or differs."""
        ...


class DriftMonitor:
    """Audits in time; what it has found is the record's to remember."""

    def __init__(
        self,
        settings: Settings,
        fabric: FabricView,
        applier: PartitionApplier,
        read_back: ReadBack,
        requests: OperatorRequests,
        groups: GroupAudit,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._fabric = fabric
        self._applier = applier
        self._read_back = read_back
        self._requests = requests
        self._groups = groups
        self.record = DriftRecord(settings.audit_interval_s, clock)
        self.standby = StandbyState()
        self.ports: int | None = None
        """End ports that the last look saw; None: there was none."""
        self.unread: int | None = None
        """Of how many of them the table could not be read."""
        self.silent_nodes: int | None = None
        """How many nodes of the fabric did not answer."""

    def forget(self) -> None:
        """Somebody else is in charge of this fabric now."""
        self.record.forget()
        self.ports = self.unread = self.silent_nodes = None

    @property
    def knows_groups(self) -> bool:
        """Tell whether the last look knew the subnet manager's multicast groups."""
        return self.record.looked and self._groups.known

    def execute_repair(self, *, leads: bool) -> None:
        """Look and repair again where that was ordered; *leads*: it is for us to do, as master.

        An order that a standby was given lapses: carried out after a takeover, hours later, it
        would surprise.
        """
        if not self._requests.ordered(Order.REPAIR):
            return
        self._requests.done(Order.REPAIR)
        if leads:
            self.record.try_again()
            LOG.info("looking for drift now, and repairing what can be, as ordered")
        else:
            LOG.warning("not repairing: the subnet manager on this host is not in charge")

    def repair(self, now: PassContext) -> int:
        """Look, and have the tables that stay different written anew; return how many."""
        left = now.desired.left
        self._audit(now.manager, now.held.partitions, now.shared, now.site.keys, left)
        broken = self.record.to_repair()
        if not broken:
            return 0
        self._applier.apply(now, broken)
        marks = [Admit(SCRATCH_KEY, guid, Membership.FULL) for guid in broken]
        self._read_back.unmet(marks, frozenset())
        self._applier.apply(now)
        self.record.soon()
        return len(broken)

    def audit_only(
        self, manager: Manager, wanted: DesiredPartitions | None, site: Site | None
    ) -> None:
        """Look where nothing may be declared, and so nothing be repaired.

        That is when a fabric is most likely to be open: OpenSM makes every port a full member of
        the default partition when it cannot read its file.  *wanted* and *site*: None where they
        are not known.
        """
        if self.record.may_audit(something_is_late=True):
            partitions = None if wanted is None else wanted.partitions
            shared: frozenset[Guid] = frozenset() if wanted is None else wanted.shared
            self._audit(manager, partitions, shared, None if site is None else site.keys)

    def _audit(
        self,
        manager: Manager,
        desired: Partitions | None,
        physical: frozenset[Guid],
        site_keys: frozenset[PartitionKey] | None,
        left: tuple[LeftVf, ...] = (),
    ) -> None:
        here = frozenset({manager.port})
        expected = Expected(
            desired=desired,
            ours=self._settings.owned_keys,
            full_default=self._settings.full_default | here,
            site_keys=site_keys,
            managers=here,
            may_manage=self._fabric.may_manage(),
            physical=physical,
            left=left,
        )
        survey = self._fabric.survey()
        self.ports = len(survey.ends)
        self.unread = sum(port.table is None for _, port in survey.ends)
        self.silent_nodes = survey.silent_nodes
        say(self.record.take(both(audit(expected, survey), self._groups.audit(survey))))

# SPDX-License-Identifier: Apache-2.0
"""A master's look at the whole fabric: what differs from what is expected, and the repair of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.partition import SCRATCH_KEY, Membership
from ibstack.facts.fabric.sa_dump import SaDump
from ibstack.subnet_manager.opensm.group_audit import GroupWatch, both
from ibstack.subnet_manager.policy.drift import Expected, audit
from ibstack.subnet_manager.policy.plan import Admit
from ibstack.subnet_manager.reconcile.drift_record import DriftRecord, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.member import LeftVf
    from ibstack.fabric.partition import PartitionKey, Partitions
    from ibstack.formats.partitions_conf.statement import Statement
    from ibstack.subnet_manager.observed.fabric_view import FabricView, Manager
    from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
    from ibstack.subnet_manager.policy.plan import DesiredPartitions
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.reconcile.enforcement import Enforcer
    from ibstack.subnet_manager.reconcile.pass_context import PassContext
    from ibstack.subnet_manager.reconcile.publishing import Publisher
    from ibstack.subnet_manager.settings import Settings


class DriftMonitor:
    """Audits in time; what it has found is the auditor's to remember."""

    def __init__(
        self,
        settings: Settings,
        fabric: FabricView,
        publisher: Publisher,
        publication: PartitionsFileStore,
        enforcer: Enforcer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fabric = fabric
        self._publisher = publisher
        self._publication = publication
        self._enforcer = enforcer
        self.auditor = DriftRecord(settings.audit_interval_s, clock)
        self._groups = GroupWatch(SaDump(settings.sa_dump), clock, settings.groups_settled_s)
        self.ports: int | None = None
        """End ports that the last look saw; None: there was none."""
        self.unread: int | None = None
        """Of how many of them the table could not be read."""
        self.silent_nodes: int | None = None
        """How many nodes of the fabric did not answer."""

    def forget(self) -> None:
        """Somebody else is in charge of this fabric now."""
        self.auditor.forget()
        self.ports = self.unread = self.silent_nodes = None

    @property
    def knows_groups(self) -> bool:
        """Tell whether the last look knew OpenSM's multicast groups."""
        return self.auditor.looked and self._groups.known

    def repair(self, now: PassContext) -> int:
        """Look, and have the tables that stay different written anew; return how many."""
        left = now.desired.left
        self._look(now.manager, now.held.partitions, now.shared, now.site.keys, left)
        broken = self.auditor.to_repair()
        if not broken:
            return 0
        self._publisher.bring(self._as_it_is(now), broken)
        marks = [Admit(SCRATCH_KEY, guid, Membership.FULL) for guid in broken]
        self._enforcer.unmet(marks, frozenset())
        self._publisher.bring(self._as_it_is(now))
        self.auditor.soon()
        return len(broken)

    def look_only(
        self, manager: Manager, wanted: DesiredPartitions | None, site: Site | None
    ) -> None:
        """Look where nothing may be published, and so nothing be repaired.

        That is when a fabric is most likely to be open: OpenSM makes every port a full member of
        the default partition when it cannot read its file.  *wanted* and *site*: None where they
        are not known.
        """
        if self.auditor.may_look(something_is_late=True):
            partitions = None if wanted is None else wanted.partitions
            shared: frozenset[Guid] = frozenset() if wanted is None else wanted.shared
            self._look(manager, partitions, shared, None if site is None else site.keys)

    def _look(
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
        groups = self._groups.audit(self._statements(), survey)
        say(self.auditor.take(both(audit(expected, survey), groups)))

    def _statements(self) -> Sequence[Statement] | None:
        """Return what the file says that OpenSM reads, whoever wrote it; None: not known."""
        try:
            found = self._publication.look()
        except IbstackError:
            return None
        return found.statements or None

    def _as_it_is(self, now: PassContext) -> PassContext:
        """Return *now* with the proof keys that show at this moment."""
        return replace(now, manager=replace(now.manager, proofs=self._fabric.proofs()))

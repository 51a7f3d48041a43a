# SPDX-License-Identifier: Apache-2.0
"""Bring OpenSM's partitions to what the cloud desires, and say what is in force.

A pass of the master: publish, make OpenSM read it, wait until the proof key shows on the subnet
manager's own port, read back the tables of the ports concerned, tell the cloud, audit.  A standby
only keeps its file equal to the master's, proof key included, so that a take-over changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.runtime.loop import Outcome
from ibstack.subnet_manager.reconcile.numbers import Numbers
from ibstack.subnet_manager.reconcile.pass_context import Desired, PassContext
from ibstack.subnet_manager.seam import Manager, Role

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.policy.drift import Drift
    from ibstack.subnet_manager.policy.plan import DesiredPartitions
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.policy.table_room import Rooms
    from ibstack.subnet_manager.reconcile.drift_monitor import DriftMonitor
    from ibstack.subnet_manager.reconcile.intake import Intake
    from ibstack.subnet_manager.reconcile.membership_tracker import MembershipTracker
    from ibstack.subnet_manager.reconcile.partition_applier import PartitionApplier

LOG = logging.getLogger(__name__)

_STANDBY_LOOK_S: Final = 0.4
_NO_MANAGER_LOOK_S: Final = 1.0
_UNMET_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Status:
    """What the last pass found, for the heartbeat."""

    role: str = "unknown"
    digest: str = ""
    problems: tuple[str, ...] = ()
    drift: tuple[Drift, ...] | None = ()
    """None: not known, for a master that has not looked yet."""


class FabricReconciler:
    """Reconciles one fabric with the cloud; assembly.py puts it together."""

    _quiet: tuple[object, ...] | None = None

    def __init__(
        self,
        fabric: FabricView,
        intake: Intake,
        applier: PartitionApplier,
        tracker: MembershipTracker,
        monitor: DriftMonitor,
    ) -> None:
        self._fabric = fabric
        self._intake = intake
        self._applier = applier
        self._tracker = tracker
        self._monitor = monitor
        self._role: Role | None = None
        self._seat: Guid | None = None
        self._manager: Manager | None = None
        self._wanted: DesiredPartitions | None = None
        self._site: Site | None = None
        self.status = Status()

    def once(self) -> Outcome:
        """Do one pass.  What is expected to go wrong at times is in the outcome."""
        self._manager = None
        try:
            outcome = self._pass()
        except IbstackError as error:
            self._quiet = None
            outcome = Outcome(failures=(error,))
        self.status = self._judge(outcome)
        return outcome

    @property
    def numbers(self) -> Numbers:
        """Return what was done since the start, and how things stood after the last pass."""
        status, monitor, manager = self.status, self._monitor, self._applier.manager
        return Numbers(
            role=status.role,
            members=self._tracker.members,
            drift=status.drift,
            problems=len(status.problems),
            publishes=manager.publishes,
            reloads=manager.reloads,
            repairs=monitor.record.repairs,
            audits=monitor.record.looks,
            tables_read=self._fabric.tables_read,
            ports=monitor.ports,
            unread=monitor.unread,
            unread_nodes=monitor.silent_nodes,
            knows_groups=monitor.knows_groups,
            fullest=self._intake.fullest if self._role is Role.MASTER else None,
        )

    @property
    def reserved_guids(self) -> tuple[Guid, ...]:
        """Return the GUIDs that Neutron is to keep from VFs: the site's and the fabric's own."""
        return self._intake.reserved_guids

    @property
    def table_rooms(self) -> Rooms:
        """Return what the tables of the ports hold beside the tenants' keys, as last walked."""
        return self._intake.table_rooms

    def _judge(self, outcome: Outcome) -> Status:
        record = self._monitor.record
        problems = [str(each) for each in (*outcome.failures, *self._intake.problems)]
        problems += map(str, record.known)
        if outcome.waiting_for:
            problems.insert(0, f"waiting for {outcome.waiting_for}")
        unknown = self._role is Role.MASTER and not record.looked
        drift = None if unknown else record.known
        failed = bool(outcome.failures)
        alarms = self._monitor.standby.alarms(
            self._manager, failed=failed, other_file=self._has_another_file
        )
        if alarms:
            problems[:0] = map(str, alarms)
            drift = (*alarms, *record.known)
        role = Role.NONE if self._manager is None else self._manager.role
        name = "unknown" if role is Role.NONE else role.value
        digest = self._applier.manager.fingerprint() or ""
        return Status(name, digest, tuple(problems), drift)

    def _has_another_file(self) -> bool:
        """Tell of a standby whether its file is another one than the master's, as far as seen.

        A master that cannot be read may have another: the alarm is for a file that may be old.
        """
        if self._manager is None:
            return False  # Nothing was seen at all: what was known stays.
        if self._manager.proofs is None:
            return True
        return self._applier.is_stale(self._manager.role)

    def _pass(self) -> Outcome:
        self._applier.execute_requests()
        with self._fabric.open():
            manager = self._manager = self._applier.manager.state()
            self._note_role(manager)
            try:
                outcome = self._act_on_latest(manager)
            except IbstackError as error:
                self._quiet = None
                return self._audit_only(manager, Outcome(failures=(error,)))
            if self._monitor.standby.confirmed:
                return outcome
            return self._audit_only(manager, outcome)

    def _act_on_latest(self, manager: Manager) -> Outcome:
        desired = self._intake.latest()
        if desired is None:
            return Outcome(waiting_for="Neutron's list of members")
        self._monitor.standby.on_answer(desired.trouble)
        if self._intake.accepts_hosts(desired):
            self._quiet = None
        desired = self._intake.believed(desired, manager)
        outcome = self._act(desired, manager)
        if desired.trouble is None:
            return outcome
        return replace(outcome, failures=(*outcome.failures, desired.trouble))

    def _audit_only(self, manager: Manager, outcome: Outcome) -> Outcome:
        """Audit where this pass could not: what may not be declared may be open all the same.

        Until Neutron has answered a new master, what it knows is not held against the tables.
        """
        if manager.role is not Role.MASTER:
            return outcome
        wanted = self._wanted if self._monitor.standby.confirmed else None
        try:
            self._monitor.audit_only(manager, wanted, self._site)
        except IbstackError as error:
            outcome = replace(outcome, failures=(*outcome.failures, error))
        looks = [self._monitor.record.due_in_s, outcome.look_again_s]
        return replace(outcome, look_again_s=min(look for look in looks if look is not None))

    def _act(self, desired: Desired, manager: Manager) -> Outcome:
        """Do what there is to do; nothing where nothing differs from a pass that changed nothing.

        A standby looks at its master twice a second, and a large file takes long to compare.  One
        that has just taken over goes on as a standby until Neutron has answered: what it knows may
        be old, and then neither its file nor its word may go out.
        """
        record, declared = self._monitor.record, self._applier.manager
        heard = desired.etag, desired.trouble is None  # What may be old is to be judged again.
        allows = self._applier.allows_removals
        seen = (heard, manager, declared.fingerprint(), declared.site(), desired.alarms, allows)
        leads = manager.role is Role.MASTER and self._monitor.standby.confirmed
        self._monitor.execute_repair(leads=leads)
        looks = (leads and record.due) or self._intake.is_due(manager)
        if seen == self._quiet and not looks:
            return Outcome(look_again_s=record.due_in_s if leads else _STANDBY_LOOK_S)
        now = self._start(desired, manager, leads=leads)
        outcome = self._lead(now) if leads else self._follow(now)
        if now.kept is not None:
            outcome = replace(outcome, failures=(*outcome.failures, now.kept))
        busy = outcome.changed or outcome.failures or outcome.waiting_for or now.held.since
        self._quiet = None if busy or self._applier.leaving else seen
        return outcome

    def _start(self, desired: Desired, manager: Manager, *, leads: bool) -> PassContext:
        site = self._site = self._applier.manager.site()
        published, before, trouble = self._applier.declared_ours(site)
        wanted = self._intake.servable(desired, site, manager, published, before)
        self._wanted = wanted
        if leads:
            self._tracker.set_desired(desired, wanted)
        if trouble is not None:
            raise trouble
        shared = wanted.shared | before
        held, kept = self._applier.defer(wanted, published, shared)
        return PassContext(desired, wanted, site, manager, held, shared, kept.problem)

    def _lead(self, now: PassContext) -> Outcome:
        changed = self._applier.apply(now)
        self._monitor.standby.on_proof()
        self._intake.on_leaving(self._applier.leaving)
        late = self._tracker.confirm(self._applier.leaving, now)
        failures = [TryLater(f"cannot yet {step}: the port's table differs") for step in late]
        try:
            self._tracker.report(now.desired)
        except TryLater as error:
            failures.append(error)  # The fabric is looked after while Neutron is away.
        record = self._monitor.record
        if record.may_audit(something_is_late=bool(late)):
            changed += self._monitor.repair(now)
        looks = [record.due_in_s]
        if late:
            looks.append(_UNMET_LOOK_S)
        if now.held.next_due_s is not None:
            looks.append(max(now.held.next_due_s, 0.0))
        return Outcome(changed, failures=tuple(failures), look_again_s=min(looks))

    def _follow(self, now: PassContext) -> Outcome:
        self._applier.follow(now, self._intake.ask_anew)
        self._intake.on_leaving(self._applier.leaving)
        if now.manager.role is Role.NONE:
            return Outcome(
                waiting_for=f"OpenSM on this host: {now.manager.why}",
                look_again_s=_NO_MANAGER_LOOK_S,
            )
        looks = [_STANDBY_LOOK_S, *([now.held.next_due_s] if now.held.next_due_s else [])]
        return Outcome(look_again_s=min(looks))

    def _note_role(self, manager: Manager) -> None:
        if (manager.role, manager.port) == (self._role, self._seat):
            return
        why = f": {manager.why}" if manager.why else ""
        LOG.info("the subnet manager on this host: %s%s", manager.role.value, why)
        # Of several OpenSMs on this host another may have taken over: it, too, has to be proved.
        self._role, self._seat = manager.role, manager.port
        self._monitor.standby.set_role(manager.role)
        self._monitor.forget()
        self._tracker.forget()
        self._applier.forget()
        self._quiet = None
        self._intake.on_role(knows_vports=self._applier.manager.serves_vports())

# SPDX-License-Identifier: Apache-2.0
"""Bring OpenSM's partitions to what the cloud desires, and say what is in force.

A pass of the master: publish, make OpenSM read it, wait until the proof key shows on the subnet
manager's own port, read back the tables of the ports concerned, tell the cloud, audit.  A standby
only keeps its file equal to the master's, proof key included, so that a take-over changes nothing.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.fabric.guid import Guid
from ibstack.runtime.loop import Outcome
from ibstack.subnet_manager.observed.fabric_view import Manager, Role
from ibstack.subnet_manager.opensm.partitions_file_store import Order, PartitionsFileStore
from ibstack.subnet_manager.opensm.site_partitions import site_partitions
from ibstack.subnet_manager.policy.mass_removal import hold_mass_removal
from ibstack.subnet_manager.policy.plan import Place, hold_removals
from ibstack.subnet_manager.policy.site import Site, TenantKeys
from ibstack.subnet_manager.reconcile.activation_latency import ActivationLatency
from ibstack.subnet_manager.reconcile.admission import Admission
from ibstack.subnet_manager.reconcile.drift_monitor import DriftMonitor
from ibstack.subnet_manager.reconcile.enforcement import Enforcer
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.membership_tracker import MembershipTracker
from ibstack.subnet_manager.reconcile.numbers import Numbers
from ibstack.subnet_manager.reconcile.operator_requests import obey, obey_repair
from ibstack.subnet_manager.reconcile.pass_context import Desired, PassContext
from ibstack.subnet_manager.reconcile.publishing import Publisher
from ibstack.subnet_manager.reconcile.standby_state import StandbyState, is_stale
from ibstack.subnet_manager.reconcile.unservable import Unservable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.fabric.partition import Partitions
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
    from ibstack.subnet_manager.policy.drift import Drift
    from ibstack.subnet_manager.policy.plan import DesiredPartitions
    from ibstack.subnet_manager.reconcile.membership_tracker import Cloud
    from ibstack.subnet_manager.settings import Settings

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
    """Reconciles one fabric with the cloud."""

    _knows_vports: bool | None = None
    _quiet: tuple[object, ...] | None = None

    def __init__(
        self,
        settings: Settings,
        cloud: Cloud,
        fabric: FabricView,
        opensm: OpenSmProcesses,
        publication: PartitionsFileStore,
        *,
        pause: Callable[[float], bool],
        ask_anew: Callable[[], None] = lambda: None,
        proved: Callable[[float], None] = lambda seconds: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*pause* waits for so many seconds and returns whether to stop.

        *ask_anew* makes the next desired() of *cloud* ask, however young its last answer is.
        *proved* is told how many seconds a member took from being desired to being in force.
        """
        self._settings = settings
        self._cloud = cloud
        self._fabric = fabric
        self._opensm = opensm
        self._publication = publication
        self._ask_anew = ask_anew
        self._clock = clock
        vports, limits = settings.serves_vports, settings.limits
        self._enforcer = Enforcer(fabric, opensm, publication, limits, pause=pause, clock=clock)
        self._publisher = Publisher(fabric, publication, self._enforcer, settings.full_default)
        self._serving = MembershipTracker(
            cloud, self._enforcer, ActivationLatency(clock, proved), serves_vports=vports
        )
        parts = (self._publisher, publication, self._enforcer)
        self._oversight = DriftMonitor(settings, fabric, *parts, clock)
        self._admission = Admission(settings, fabric, publication.standing_ports)
        self._hosts = KnownHosts(publication.folder, settings.host_guids)
        self._staleness = StandbyState()
        self._complaints = Unservable(vports)
        self._role: Role | None = None
        self._seat: Guid | None = None
        self._manager: Manager | None = None
        self._wanted: DesiredPartitions | None = None
        self._site: Site | None = None
        self._since: Mapping[Place, float] = {}
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
        status, seen = self.status, self._oversight
        return Numbers(
            role=status.role,
            members=self._serving.members,
            drift=status.drift,
            problems=len(status.problems),
            publishes=self._publication.publishes,
            reloads=self._enforcer.reloads,
            repairs=seen.auditor.repairs,
            audits=seen.auditor.looks,
            tables_read=self._fabric.tables_read,
            ports=seen.ports,
            unread=seen.unread,
            unread_nodes=seen.silent_nodes,
            knows_groups=seen.knows_groups,
            fullest=self._admission.fullest if self._role is Role.MASTER else None,
        )

    @property
    def reserved_guids(self) -> tuple[Guid, ...]:
        """Return the GUIDs that Neutron is to keep from VFs: the site's and the fabric's own."""
        return self._admission.reserved

    def _judge(self, outcome: Outcome) -> Status:
        auditor = self._oversight.auditor
        problems = [str(each) for each in (*outcome.failures, *self._complaints.now)]
        problems += map(str, auditor.known)
        if outcome.waiting_for:
            problems.insert(0, f"waiting for {outcome.waiting_for}")
        unknown = self._role is Role.MASTER and not auditor.looked
        drift = None if unknown else auditor.known
        failed = bool(outcome.failures)
        alarms = self._staleness.alarms(
            self._manager, failed=failed, other_file=self._has_another_file
        )
        if alarms:
            problems[:0] = map(str, alarms)
            drift = (*alarms, *auditor.known)
        role = Role.NONE if self._manager is None else self._manager.role
        name = "unknown" if role is Role.NONE else role.value
        return Status(name, self._publication.fingerprint() or "", tuple(problems), drift)

    def _has_another_file(self) -> bool:
        """Tell of a standby whether its file is another one than the master's, as far as seen.

        A master that cannot be read may have another: the alarm is for a file that may be old.
        """
        if self._manager is None:
            return False  # Nothing was seen at all: what was known stays.
        if self._manager.proofs is None:
            return True
        try:
            found = self._publication.look()
        except IbstackError:
            return True
        return is_stale(self._manager, found, (), ())

    def _pass(self) -> Outcome:
        obey(self._publication, self._enforcer)
        with self._fabric.open():
            manager = self._manager = self._fabric.manager()
            self._note_role(manager)
            try:
                outcome = self._hear_and_act(manager)
            except IbstackError as error:
                self._quiet = None
                return self._look_anyway(manager, Outcome(failures=(error,)))
            if self._staleness.confirmed:
                return outcome
            return self._look_anyway(manager, outcome)

    def _hear_and_act(self, manager: Manager) -> Outcome:
        desired = self._cloud.desired()
        if desired is None:
            return Outcome(waiting_for="Neutron's list of members")
        self._staleness.hear(desired.trouble)
        if self._hosts.obey(desired):
            self._quiet = None
        desired = self._hosts.judge(desired, self._admission.walked(manager))
        self._admission.hear(desired)
        outcome = self._act(desired, manager)
        if desired.trouble is None:
            return outcome
        return replace(outcome, failures=(*outcome.failures, desired.trouble))

    def _look_anyway(self, manager: Manager, outcome: Outcome) -> Outcome:
        """Audit where this pass could not: what may not be published may be open all the same.

        Until Neutron has answered a new master, what it knows is not held against the tables.
        """
        if manager.role is not Role.MASTER:
            return outcome
        wanted = self._wanted if self._staleness.confirmed else None
        try:
            self._oversight.look_only(manager, wanted, self._site)
        except IbstackError as error:
            outcome = replace(outcome, failures=(*outcome.failures, error))
        looks = [self._oversight.auditor.due_in_s, outcome.look_again_s]
        return replace(outcome, look_again_s=min(look for look in looks if look is not None))

    def _act(self, desired: Desired, manager: Manager) -> Outcome:
        """Do what there is to do; nothing where nothing differs from a pass that changed nothing.

        A standby looks at its master twice a second, and a large file takes long to compare.  One
        that has just taken over goes on as a standby until Neutron has answered: what it knows may
        be old, and then neither its file nor its word may go out.
        """
        auditor = self._oversight.auditor
        heard = desired.etag, desired.trouble is None  # What may be old is to be judged again.
        seen = (heard, manager, self._publication.fingerprint(), site_partitions(self._settings))
        led = manager.role is Role.MASTER and self._staleness.confirmed
        obey_repair(self._publication, auditor, led=led)
        looks = (led and auditor.due) or self._admission.due(manager)
        if seen == self._quiet and not looks:
            return Outcome(look_again_s=auditor.due_in_s if led else _STANDBY_LOOK_S)
        now = self._start(desired, manager, led=led)
        outcome = self._lead(now) if led else self._follow(now)
        if now.kept is not None:
            outcome = replace(outcome, failures=(*outcome.failures, now.kept))
        busy = outcome.changed or outcome.failures or outcome.waiting_for or now.held.since
        self._quiet = None if busy or self._publisher.leaving else seen
        return outcome

    def _start(self, desired: Desired, manager: Manager, *, led: bool) -> PassContext:
        settings = self._settings
        site = self._site = site_partitions(settings)
        published, before, trouble = self._standing_file(site)
        wanted = self._admission.judge(desired, site, manager, published, before)
        self._wanted = wanted
        said = desired.alarms
        self._complaints.take(wanted, desired.members, said, knows_vports=self._knows_vports)
        if led:
            self._serving.want(desired, wanted)
        if trouble is not None:
            raise trouble
        shared = wanted.shared | before
        allowed = self._publication.ordered(Order.ALLOW_REMOVALS)
        share = 1.0 if allowed else settings.max_removed_share
        kept = hold_mass_removal(wanted.partitions, published, share, shared)
        held = hold_removals(
            kept.partitions,
            published,
            shared,
            self._since,
            now=self._clock(),
            grace_s=settings.removal_grace_s,
        )
        self._since = held.since
        return PassContext(desired, wanted, site, manager, held, shared, kept.problem)

    def _standing_file(self, site: Site) -> tuple[Partitions, frozenset[Guid], IbstackError | None]:
        """Return what is published of ours, which members are physical ports; and why neither."""
        try:
            found = self._publisher.look()
            shared = frozenset(map(Guid.parse, self._publication.shared()))
        except IbstackError as error:
            return {}, frozenset(), error
        ours = TenantKeys(site.keys)
        return {k: p for k, p in found.published.items() if k in ours}, shared, None

    def _lead(self, now: PassContext) -> Outcome:
        changed = self._publisher.bring(now)
        self._staleness.prove()
        self._admission.see_out(self._publisher.leaving)
        late = self._serving.confirm(self._publisher.leaving, now)
        failures = [TryLater(f"cannot yet {step}: the port's table differs") for step in late]
        try:
            self._serving.report(now.desired)
        except TryLater as error:
            failures.append(error)  # The fabric is looked after while Neutron is away.
        auditor = self._oversight.auditor
        if auditor.may_look(something_is_late=bool(late)):
            changed += self._oversight.repair(now)
        looks = [auditor.due_in_s]
        if late:
            looks.append(_UNMET_LOOK_S)
        if now.held.next_due_s is not None:
            looks.append(max(now.held.next_due_s, 0.0))
        return Outcome(changed, failures=tuple(failures), look_again_s=min(looks))

    def _follow(self, now: PassContext) -> Outcome:
        self._publisher.follow(now, self._ask_anew)
        self._admission.see_out(self._publisher.leaving)
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
        self._staleness.take_role(manager.role)
        self._ask_anew()
        self._enforcer.distrust()
        self._oversight.forget()
        self._serving.forget()
        self._publisher.leaving.clear()
        self._quiet = None
        self._knows_vports = self._opensm.knows_vports()

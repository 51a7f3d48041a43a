# SPDX-License-Identifier: Apache-2.0
"""Bring OpenSM's partitions to what the cloud desires, and say what is in force.

A pass of the master: publish, make OpenSM read it, wait until the proof key shows on the subnet
manager's own port, read back the tables of the ports concerned, tell the cloud.  A standby only
keeps its file equal to the master's, proof key included, so that a take-over changes nothing.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import (
    PROOF_KEYS,
    SCRATCH_KEY,
    Membership,
    Partition,
    PartitionKey,
)
from ibstack.loop import Outcome
from ibstack.subnet_manager.audit import Auditor, say
from ibstack.subnet_manager.complaints import Complaints
from ibstack.subnet_manager.drift import Drift, Expected, audit
from ibstack.subnet_manager.enforcement import Enforcer
from ibstack.subnet_manager.fabric_view import Manager, Role
from ibstack.subnet_manager.metrics import Numbers
from ibstack.subnet_manager.moment import Desired, Moment
from ibstack.subnet_manager.orders import obey, obey_repair
from ibstack.subnet_manager.pace import Pace
from ibstack.subnet_manager.partitions_conf import PartitionsFile, render
from ibstack.subnet_manager.plan import (
    Admit,
    Expel,
    Member,
    Place,
    Step,
    apply,
    first_batch,
    gather,
    hold_removals,
    plan,
    refuse_mass_removal,
)
from ibstack.subnet_manager.publication import Found, NotOurFile, Order, Publication, Whose
from ibstack.subnet_manager.settings import NotTheirs, Settings, Site
from ibstack.subnet_manager.staleness import Staleness

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ibstack.subnet_manager.fabric_view import FabricView
    from ibstack.subnet_manager.opensm import OpenSm

LOG = logging.getLogger(__name__)

_STEPS_LOGGED: Final = 20
_STANDBY_LOOK_S: Final = 0.4
_NO_MANAGER_LOOK_S: Final = 1.0
_UNMET_LOOK_S: Final = 0.5


class Cloud(Protocol):
    """Who desires: Neutron over RPC, or a test's own list."""

    def desired(self) -> Desired | None:
        """Return what is desired by the latest news; TryLater until there has been any."""
        ...

    def report(self, etag: str, in_force: Collection[str]) -> None:
        """Say of which ports the memberships are in force; TryLater where that fails."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """What the last pass found, for the heartbeat."""

    role: str = "unknown"
    digest: str = ""
    problems: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()


class FabricReconciler:
    """Reconciles one fabric with the cloud."""

    def __init__(
        self,
        settings: Settings,
        cloud: Cloud,
        fabric: FabricView,
        opensm: OpenSm,
        publication: Publication,
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
        self._enforcer = Enforcer(
            fabric, opensm, publication, settings.limits, pause=pause, clock=clock
        )
        self._auditor = Auditor(settings.audit_interval_s, clock)
        self._role: Role | None = None
        self._staleness = Staleness()
        self._since: Mapping[Place, float] = {}
        self._leaving: set[Step] = set()
        self._in_force: dict[str, Member] = {}
        self._reported: tuple[str, frozenset[str]] | None = None
        self._knows_vports: bool | None = None
        self._complaints = Complaints(settings.serves_vports)
        self._quiet: tuple[object, ...] | None = None
        self._pace = Pace(clock, proved)
        self._waiting = self._unfit = 0
        self._surveyed: tuple[int | None, int | None] = (None, None)
        self.status = Status()

    def once(self) -> Outcome:
        """Do one pass.  What is expected to go wrong at times is in the outcome."""
        try:
            outcome = self._pass()
        except IbstackError as error:
            outcome = Outcome(failures=(error,))
        found = (*outcome.failures, *self._complaints.now, *self._auditor.known)
        problems = list(map(str, found))
        if outcome.waiting_for:
            problems.insert(0, f"waiting for {outcome.waiting_for}")
        drift = self._auditor.known
        if alarm := self._staleness.alarm(self._role, failed=bool(outcome.failures)):
            problems.insert(0, str(alarm))
            drift = (alarm, *drift)
        role = "unknown" if self._role in {None, Role.NONE} else self._role.value
        self.status = Status(role, self._publication.fingerprint() or "", tuple(problems), drift)
        return outcome

    @property
    def numbers(self) -> Numbers:
        """Return what was done since the start, and how things stood after the last pass."""
        status = self.status
        ports, unread = self._surveyed
        in_force = {"in_force": len(self._in_force), "waiting": self._waiting, "unfit": self._unfit}
        return Numbers(
            role=status.role,
            members=in_force,
            drift=status.drift,
            problems=len(status.problems),
            publishes=self._publication.publishes,
            reloads=self._enforcer.reloads,
            repairs=self._auditor.repairs,
            audits=self._auditor.looks,
            tables_read=self._fabric.tables_read,
            ports=ports,
            unread=unread,
        )

    def _pass(self) -> Outcome:
        obey(self._publication, self._enforcer)
        with self._fabric.open():
            manager = self._fabric.manager()
            self._note_role(manager)
            desired = self._cloud.desired()
            if desired is None:
                return Outcome(waiting_for="Neutron's list of members")
            self._staleness.hear(desired.trouble)
            outcome = self._act(desired, manager)
        if desired.trouble is None:
            return outcome
        return replace(outcome, failures=(*outcome.failures, desired.trouble))

    def _act(self, desired: Desired, manager: Manager) -> Outcome:
        """Do what there is to do; nothing where nothing differs from a pass that changed nothing.

        A standby looks at its master twice a second, and a large file takes long to compare.  One
        that has just taken over goes on as a standby until Neutron has answered: what it knows may
        be old, and then neither its file nor its word may go out.
        """
        heard = desired.etag, desired.trouble is None  # What may be old is to be judged again.
        seen = (heard, manager, self._publication.fingerprint(), Site.read(self._settings))
        led = manager.role is Role.MASTER and self._staleness.confirmed
        obey_repair(self._publication, self._auditor, led=led)
        if seen == self._quiet and not (led and self._auditor.due):
            return Outcome(look_again_s=self._auditor.due_in_s if led else _STANDBY_LOOK_S)
        now = self._start(desired, manager)
        outcome = self._lead(now) if led else self._follow(now)
        busy = outcome.changed or outcome.failures or outcome.waiting_for or now.held.since
        self._quiet = None if busy or self._leaving else seen
        return outcome

    def _start(self, desired: Desired, manager: Manager) -> Moment:
        settings = self._settings
        wanted = gather(desired.members, settings.owned_keys)
        self._pace.hear(desired.members)
        self._complaints.take(wanted, desired.members, knows_vports=self._knows_vports)
        site = Site.read(settings)
        found = self._look()
        published = {k: p for k, p in found.published.items() if k in NotTheirs(site.keys)}
        if not self._publication.ordered(Order.ALLOW_REMOVALS):
            refuse_mass_removal(wanted.partitions, published, settings.max_removed_share)
        shared = wanted.shared | {Guid.parse(guid) for guid in self._publication.shared()}
        held = hold_removals(
            wanted.partitions,
            published,
            shared,
            self._since,
            now=self._clock(),
            grace_s=settings.removal_grace_s,
        )
        self._since = held.since
        return Moment(desired, wanted, site, manager, held, shared)

    def _lead(self, now: Moment) -> Outcome:
        changed = self._publish(now, frozenset())
        late = self._confirm(now)
        self._report(now.desired)
        if self._auditor.may_look(something_is_late=bool(late)):
            changed += self._audit(now)
        looks = [self._auditor.due_in_s]
        if late:
            looks.append(_UNMET_LOOK_S)
        if now.held.next_due_s is not None:
            looks.append(max(now.held.next_due_s, 0.0))
        failures = tuple(TryLater(f"cannot yet {step}: the port's table differs") for step in late)
        return Outcome(changed, failures=failures, look_again_s=min(looks))

    def _follow(self, now: Moment) -> Outcome:
        """Keep the file equal to the master's; it is read when this subnet manager takes over.

        The proof key says that the two are equal, so a file that may be old does not take it over.
        """
        found = self._look()
        proof, shown = found.proof or PROOF_KEYS[0], now.manager.proofs or frozenset()
        if shown and proof not in shown:
            proof = min(shown) if now.desired.trouble is None else proof
            self._ask_anew()  # The master has published what we may not have heard of.
        have = {k: p for k, p in found.published.items() if k in now.mine}
        steps = plan(now.held.partitions, have, now.mine)
        file = self._file(proof, apply(steps, have), now, frozenset())
        if render(file) != found.text:
            self._publication.settle(self._publication.publish(file, now.shared))
            self._after_publishing(steps, now)
        if now.manager.role is Role.NONE:
            return Outcome(
                waiting_for=f"OpenSM on this host: {now.manager.why}",
                look_again_s=_NO_MANAGER_LOOK_S,
            )
        looks = [_STANDBY_LOOK_S, *([now.held.next_due_s] if now.held.next_due_s else [])]
        return Outcome(look_again_s=min(looks))

    def _publish(self, now: Moment, scratch: frozenset[Guid]) -> int:
        """Bring what is to be into force; in two publishes where a port changes its tenant."""
        changed = 0
        shown = now.manager.proofs
        while True:
            found = self._look()
            have = {k: p for k, p in found.published.items() if k in now.mine}
            steps = plan(now.held.partitions, have, now.mine)
            batch = first_batch(steps, now.shared)
            file = self._file(found.proof or PROOF_KEYS[0], apply(batch, have), now, scratch)
            stands = not batch and render(file) == found.text
            if stands and self._enforcer.proved(found.proof, shown):
                return changed
            if stands and self._enforcer.written_by_us(found.proof):
                LOG.info("OpenSM no longer shows proof key %s: having it read again", found.proof)
                self._enforcer.prove_again(file)
                return changed
            self._enforcer.bring(file, shown or frozenset(), now.shared)
            self._after_publishing(batch, now)
            changed += max(len(batch), 1)
            if len(batch) == len(steps):
                return changed
            shown = self._fabric.proofs()
            self._see_out(batch, now)

    def _see_out(self, batch: list[Step], now: Moment) -> None:
        gone = [step for step in batch if isinstance(step, Expel)]
        for step in self._enforcer.unmet(gone, now.shared):
            raise TryLater(f"cannot yet {step}, so its port may not enter another partition")

    def _after_publishing(self, steps: list[Step], now: Moment) -> None:
        hosts = {member.guid: member.host for member in now.desired.members}
        for step in steps[:_STEPS_LOGGED]:
            LOG.info("%s: %s", hosts.get(step.guid, "gone from its host"), step)
        if len(steps) > _STEPS_LOGGED:
            LOG.info("and %d more steps", len(steps) - _STEPS_LOGGED)
        self._leaving.update(step for step in steps if isinstance(step, Expel))
        if now.held.next_due_s is None:
            self._publication.done(Order.ALLOW_REMOVALS)

    def _file(
        self,
        proof: PartitionKey,
        partitions: Mapping[PartitionKey, Partition],
        now: Moment,
        scratch: frozenset[Guid],
    ) -> PartitionsFile:
        full_default = self._settings.full_default
        members = frozenset(guid for each in partitions.values() for guid in each.members)
        first = members - now.shared
        return PartitionsFile(proof, partitions, full_default, scratch, now.site.text, first)

    def _confirm(self, now: Moment) -> list[Step]:
        """Read back what is new; return what the tables do not show in time."""
        fit = {
            member.port_id: member
            for member in now.desired.members
            if member.port_id not in now.wanted.unfit
            and (member.shared or self._settings.serves_vports is not False)
        }
        self._in_force = {p: m for p, m in self._in_force.items() if fit.get(p) == m}
        steps: dict[str, Step] = {
            port_id: Admit(member.key, member.guid, member.membership)
            for port_id, member in fit.items()
            if port_id not in self._in_force
        }
        wanted = {(step.key, step.guid) for step in steps.values()}
        self._leaving = {step for step in self._leaving if (step.key, step.guid) not in wanted}
        late = self._enforcer.unmet({*steps.values(), *self._leaving}, now.shared)
        self._leaving.intersection_update(late)
        self._in_force.update({p: fit[p] for p, step in steps.items() if step not in late})
        self._pace.see(self._in_force)
        self._waiting = len(fit) - len(self._in_force)
        self._unfit = len(now.desired.members) - len(fit)
        return late

    def _report(self, desired: Desired) -> None:
        """Tell the cloud: again for every etag, which changes when a port waits to be told."""
        ports = frozenset(self._in_force)
        if self._reported != (desired.etag, ports):
            if ports:
                self._cloud.report(desired.etag, ports)
            self._reported = desired.etag, ports

    def _audit(self, now: Moment) -> int:
        here = frozenset({now.manager.port})
        expected = Expected(
            desired=now.held.partitions,
            ours=self._settings.owned_keys,
            full_default=self._settings.full_default | here,
            site_keys=now.site.keys,
            managers=here,
        )
        ports = self._fabric.survey()
        self._surveyed = len(ports), sum(port.table is None for port in ports.values())
        say(self._auditor.take(audit(expected, ports)))
        broken = self._auditor.to_repair()
        if not broken:
            return 0
        now = replace(now, manager=replace(now.manager, proofs=self._fabric.proofs()))
        self._publish(now, broken)
        marks = [Admit(SCRATCH_KEY, guid, Membership.FULL) for guid in broken]
        self._enforcer.unmet(marks, frozenset())
        now = replace(now, manager=replace(now.manager, proofs=self._fabric.proofs()))
        self._publish(now, frozenset())
        self._auditor.soon()
        return len(broken)

    def _look(self) -> Found:
        """Read the published file; NotOurFile where it must not be replaced."""
        found = self._publication.look()
        if found.whose in {Whose.FOREIGN, Whose.EDITED}:
            raise NotOurFile(self._publication.path, found)
        if found.whose is Whose.OURS and found.text and not self._publication.settled:
            self._publication.settle(found.text)
        return found

    def _note_role(self, manager: Manager) -> None:
        if manager.role is self._role:
            return
        why = f": {manager.why}" if manager.why else ""
        LOG.info("the subnet manager on this host: %s%s", manager.role.value, why)
        self._role = manager.role
        self._staleness.forget()
        self._ask_anew()
        self._enforcer.distrust()
        self._auditor.forget()
        self._pace.forget()
        self._in_force.clear()
        self._waiting = self._unfit = 0
        self._surveyed = None, None
        self._leaving.clear()
        self._reported = None
        self._quiet = None
        self._knows_vports = self._opensm.knows_vports()

# SPDX-License-Identifier: Apache-2.0
"""What differs between Neutron and the fabric: once, after a repair, or as it appears and ends."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import DIFFERS, NOT_KNOWN, BadInput, IbstackError, Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.subnet_manager.fabricd.daemon import publication
from ibstack.subnet_manager.opensm.site_partitions import site_partitions
from ibstack.subnet_manager.opensm.subnet_manager import declared_by
from ibstack.subnet_manager.policy.both_audits import both
from ibstack.subnet_manager.policy.drift import STALE_STANDBY, Audit, Drift, Expected, audit
from ibstack.subnet_manager.policy.plan import plan
from ibstack.subnet_manager.reconcile.drift_record import DriftRecord
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.subnet_manager.reconcile.standby_state import is_stale
from ibstack.subnet_manager.seam import Role
from ibstack.views.audit_outcome import Became, look_at_groups, outcome, overlooked
from ibstack.views.partitions import Fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.fabric.sa_dump import NoGroups
    from ibstack.views.partitions import Sources

_SECOND_LOOK_S: Final = 0.5
_REPAIR_S: Final = 20.0
"""How long a repair may take: two looks, and two files that are proved."""
_MAY_COME: Final = (Became.FAILED, None)


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One difference between Neutron and the fabric."""

    kind: str
    alarm: bool
    """Whether isolation is at stake."""
    guid: str | None
    port: str | None
    """The port's name on the fabric."""
    entry: str | None
    detail: str | None
    text: str
    """All of it, for a person."""

    @classmethod
    def of(cls, drift: Drift) -> DriftRow:
        return cls(
            drift.kind.value,
            drift.kind.alarm,
            str(drift.guid) if drift.guid else None,
            drift.name or None,
            str(drift.entry) if drift.entry else None,
            drift.detail or None,
            str(drift),
        )


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """What two looks in a row have found, and what became of it where a repair was ordered."""

    rows: tuple[tuple[DriftRow, Became | None], ...]
    """Each difference, and what became of it; None: that is not known."""
    ends: int
    """How many ports were looked at."""
    overlooked: tuple[str, ...]
    """What a look could not see, a line each; empty: it saw all."""

    @property
    def exit_code(self) -> int:
        """0: there is no difference; 3: one is left; 4: not every port could be looked at."""
        if any(became in (Became.LEFT, Became.FAILED) for _, became in self.rows):
            return DIFFERS
        return NOT_KNOWN if self.overlooked else 0


def audited(sources: Sources, *, repairs: bool) -> AuditAnswer:
    """Compare the table of every port of the fabric with what Neutron wants.

    And OpenSM's multicast groups with the partitions file.  *repairs*: have fabricd on this host
    write the tables that differ anew.  Refused where it cannot; TryLater where it does not.
    """
    look, fabric, groups = _look(sources)
    found = list(look.found)
    if found:
        time.sleep(_SECOND_LOOK_S)
        again, fabric, groups = _look(sources)
        found = [drift for drift in found if drift in again.found or again.unsure(drift)]
    outcomes: dict[Drift, Became | None] = dict.fromkeys(found, Became.LEFT)
    if repairs:
        outcomes, fabric = _repair(sources, fabric, found)
    hidden = overlooked(fabric.survey)
    for line in (*hidden, *map(str, groups)):
        sources.remark(line)
    rows = tuple((DriftRow.of(drift), became) for drift, became in outcomes.items())
    return AuditAnswer(rows, len(fabric.survey.ends), hidden)


class Watch:
    """Looks at the fabric again and again, for differences that appear or end."""

    def __init__(self, interval_s: float) -> None:
        """BadInput for an interval, between two looks, that nobody can mean."""
        if not 0.5 <= interval_s <= 86_400:
            raise BadInput(f"cannot watch every {interval_s:g} s: give 0.5 to 86400 seconds")
        self._interval_s = interval_s
        self._auditor = DriftRecord(interval_s, time.monotonic)
        self._trouble: tuple[str, ...] = ()
        self._without: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """3: there are differences now; 4: there was no look, or the last one did not see all."""
        if self._auditor.known:
            return DIFFERS
        return 0 if self._auditor.looks and not self._trouble else NOT_KNOWN

    def events(self, sources: Sources) -> Iterator[tuple[bool, DriftRow]]:
        """Yield (whether it appears, difference): each when it appears, and when it ends."""
        while True:
            time.sleep(self._auditor.due_in_s)
            try:
                look, fabric, groups = _look(sources)
            except IbstackError as error:
                if not self._auditor.looks and error.exit_code != NOT_KNOWN:
                    raise  # It would not have started: a setting is wrong, and not something away.
                self._trouble = _new(sources, (str(error),), self._trouble)
                time.sleep(self._interval_s)
                continue
            self._trouble = _new(sources, overlooked(fabric.survey), self._trouble)
            self._without = _new(sources, tuple(map(str, groups)), self._without)
            for event in self._auditor.take(look):
                yield event.appears, DriftRow.of(event.drift)


def _new(sources: Sources, lines: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    """Remark what is new of *lines*; return them all: what lasts is said once."""
    for line in lines:
        if line not in before:
            sources.remark(f"{line}; still watching")
    return lines


def _look(sources: Sources) -> tuple[Audit, Fabric, tuple[NoGroups, ...]]:
    """Return every difference as one look shows it, and why groups are not known."""
    settings, seen = sources.settings.fabric, list[Fabric]()

    def observe() -> Fabric:
        seen.append(sources.observed())
        return seen[0]

    desired, wanted = sources.wanted(observe)
    (fabric,) = seen
    expected = Expected(
        desired=wanted.partitions,
        ours=settings.owned_keys,
        full_default=settings.full_default | fabric.managers,
        site_keys=site_partitions(settings).keys,
        managers=fabric.managers,
        may_manage=fabric.may_manage,
        physical=wanted.shared,
        left=desired.left,
    )
    look = audit(expected, fabric.survey)
    if fabric.manager.role is Role.STANDBY:
        stands = sources.published()
        published = sources.tenants(stands.published)
        steps = plan(wanted.partitions, published, {*wanted.partitions, *published})
        shared = publication(sources.settings).shared()
        physical = frozenset(map(Guid.parse, shared))
        beside = declared_by(stands, physical, fabric.manager.proofs)
        if is_stale(fabric.manager.role, beside, steps, physical):
            look = replace(look, found=(*look.found, STALE_STANDBY))
    groups, unknown = look_at_groups(sources, fabric)
    return both(look, groups), fabric, (unknown,) if unknown else ()


def _repair(
    sources: Sources, fabric: Fabric, found: list[Drift]
) -> tuple[dict[Drift, Became | None], Fabric]:
    """Have fabricd repair what it can of *found*; return what became of each, and the last look."""
    if not any(drift.repairable for drift in found):
        return dict.fromkeys(found, Became.LEFT), fabric
    if fabric.manager.role is not Role.MASTER:
        raise Refused(
            f"cannot repair: the subnet manager on this host is {fabric.manager.role.value}, and"
            " tables are the master's to write; run this on its host (`sminfo` names it)"
        )
    _order(sources)
    deadline = time.monotonic() + _REPAIR_S
    while True:
        time.sleep(_SECOND_LOOK_S)
        again, fabric, _ = _look(sources)
        outcomes = {drift: outcome(drift, again, fabric.survey) for drift in found}
        over = not any(outcomes[drift] in _MAY_COME for drift in found if drift.repairable)
        if over or time.monotonic() >= deadline:
            break
    counts = Counter(outcomes.values())
    left = counts[Became.LEFT] + counts[Became.FAILED]
    unknown = f", {counts[None]} not known" if counts[None] else ""
    sources.remark(f"{counts[Became.REPAIRED]} repaired, {left} left{unknown}")
    return outcomes, fabric


def _order(sources: Sources) -> None:
    """Tell fabricd, and wait until it has heard; TryLater where it does not."""
    requests = OperatorRequests(sources.settings.state_path)
    try:
        requests.give(Order.REPAIR)
    except OSError as error:
        raise Refused(
            f"cannot order the repair in {sources.settings.state_path}: {error.strerror}; run this"
            " as the user of ibstack-fabricd"
        ) from error
    # Between two passes, and one that is under way and waits for Neutron.
    limit_s = sources.settings.poll_interval_s + sources.settings.rpc_timeout_s
    deadline = time.monotonic() + limit_s
    while requests.ordered(Order.REPAIR):
        if time.monotonic() >= deadline:
            requests.done(Order.REPAIR)
            raise TryLater(
                f"cannot repair: no ibstack-fabricd took the order within {limit_s:g} s; check that"
                " it runs on this host, with the same settings"
            )
        time.sleep(0.05)

# SPDX-License-Identifier: Apache-2.0
"""`ibstack partition audit`: what differs between Neutron and the fabric; repair and watch."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.partition import DIFFERS, NOT_KNOWN, PartitionCommand, Sources
from ibstack.cli.partition_look import Became, Fabric, look_at_groups, outcome, overlooked
from ibstack.cli.shell import say
from ibstack.fabric.errors import BadInput, IbstackError, Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.printable import printable
from ibstack.subnet_manager.daemon import publication
from ibstack.subnet_manager.opensm.manager import declared_by
from ibstack.subnet_manager.opensm.site_partitions import site_partitions
from ibstack.subnet_manager.policy.both_audits import both
from ibstack.subnet_manager.policy.drift import STALE_STANDBY, Audit, Drift, Expected, audit
from ibstack.subnet_manager.policy.plan import plan
from ibstack.subnet_manager.reconcile.drift_record import DriftRecord
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.subnet_manager.reconcile.standby_state import is_stale
from ibstack.subnet_manager.seam import Role

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.cli.partition import Table
    from ibstack.subnet_manager.opensm.sa_dump import NoGroups
    from ibstack.subnet_manager.reconcile.drift_record import DriftEvent

_SECOND_LOOK_S: Final = 0.5
_WATCH_S: Final = 5.0
_REPAIR_S: Final = 20.0
"""How long a repair may take: two looks, and two files that are proved."""
_MAY_COME: Final = (Became.FAILED, None)


class PartitionAudit(PartitionCommand):
    """Compare the table of every port of the fabric with what Neutron wants.

    And OpenSM's multicast groups with the partitions file, on the master's host, where OpenSM
    writes them down (sa_db_dump).

    Only what two looks in a row find is listed.  Exit code 0: no difference; 3: there are some; 4:
    it could not be known, or not of every port.
    """

    example = "ibstack partition audit -f json"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        doing = parser.add_mutually_exclusive_group()
        doing.add_argument(
            "--repair",
            action="store_true",
            help="have ibstack-fabricd on this host, which must be the master's, write the tables"
            " that differ anew; say what was repaired and what was left",
        )
        doing.add_argument(
            "--watch",
            action="store_true",
            help="go on until interrupted: one line, or with -f json one object, for each"
            " difference that appears or is over",
        )
        parser.add_argument(
            "--interval",
            metavar="SECONDS",
            type=float,
            default=_WATCH_S,
            help=f"between two looks of --watch ({_WATCH_S:g})",
        )
        return parser

    def run(self, parsed: Namespace) -> int:
        if not parsed.watch:
            return super().run(parsed)
        if not 0.5 <= parsed.interval <= 86_400:
            raise BadInput(f"cannot watch every {parsed.interval:g} s: give 0.5 to 86400 seconds")
        return _watch(self.sources(parsed), parsed.interval, as_json=parsed.formatter == "json")

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        look, fabric, groups = _look(sources)
        found = list(look.found)
        if found:
            time.sleep(_SECOND_LOOK_S)
            again, fabric, groups = _look(sources)
            found = [drift for drift in found if drift in again.found or again.unsure(drift)]
        outcomes: dict[Drift, Became | None] = dict.fromkeys(found, Became.LEFT)
        if parsed.repair:
            outcomes, fabric = _repair(sources, fabric, found)
        hidden = overlooked(fabric.survey)
        for line in (*hidden, *map(str, groups)):
            say(line)
        if {Became.LEFT, Became.FAILED} & set(outcomes.values()):
            self.status = DIFFERS
        elif hidden:
            self.status = NOT_KNOWN
        else:
            say(f"no difference: {len(fabric.survey.ends)} ports are as Neutron wants them")
        rows = [tuple(_facts(drift).values()) for drift in found]
        columns = ("class", "alarm", "guid", "port", "entry", "detail")
        if not parsed.repair:
            return columns, rows
        return (*columns, "repair"), [
            (*row, became.value if (became := outcomes[drift]) else None)
            for row, drift in zip(rows, found, strict=True)
        ]


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
    say(f"{counts[Became.REPAIRED]} repaired, {left} left{unknown}")
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


def _watch(sources: Sources, interval_s: float, *, as_json: bool) -> int:
    """Print each event until interrupted; return the exit code."""
    auditor = DriftRecord(interval_s, time.monotonic)
    trouble: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    try:
        while True:
            time.sleep(auditor.due_in_s)
            try:
                look, fabric, groups = _look(sources)
            except IbstackError as error:
                if not auditor.looks and error.exit_code != NOT_KNOWN:
                    raise  # It would not have started: a setting is wrong, and not something away.
                trouble = _tell((str(error),), trouble)
                time.sleep(interval_s)
                continue
            trouble = _tell(overlooked(fabric.survey), trouble)
            without = _tell(tuple(map(str, groups)), without)
            for event in auditor.take(look):
                print(_line(event, as_json=as_json), flush=True)
    except KeyboardInterrupt:
        if auditor.known:
            return DIFFERS
        return NOT_KNOWN if trouble or not auditor.looks else 0


def _tell(lines: tuple[str, ...], said: tuple[str, ...]) -> tuple[str, ...]:
    """Say what is new of *lines*; return them all: what lasts is said once."""
    for line in lines:
        if line not in said:
            say(f"{line}; still watching")
    return lines


def _line(event: DriftEvent, *, as_json: bool) -> str:
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    what = "appears" if event.appears else "ends"
    if as_json:
        return json.dumps({"time": at, "event": what, **_facts(event.drift)})
    return printable(f"{at} {what}: {event.drift}")


def _facts(drift: Drift) -> dict[str, Any]:
    return {
        "class": drift.kind.value,
        "alarm": drift.kind.alarm,
        "guid": str(drift.guid) if drift.guid else None,
        "port": drift.name or None,
        "entry": str(drift.entry) if drift.entry else None,
        "detail": drift.detail or None,
    }

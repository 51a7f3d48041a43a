# SPDX-License-Identifier: Apache-2.0
"""`ibstack partition …`: who is a member of what, and what differs between Neutron and fabric."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.shell import FABRICD_CONF, Lister, Table, say, table
from ibstack.fabric.errors import DIFFERS
from ibstack.fabric.partition import PartitionKey
from ibstack.fabric.printable import printable
from ibstack.views.partitions import Sources, members, partitions, planned_steps

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.views.partition_audit import DriftRow

_WATCH_S: Final = 5.0


class PartitionCommand(Lister):
    """A command that lists something of the fabric."""

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            action="append",
            help=f"the settings of ibstack-fabricd, may be repeated ({FABRICD_CONF})",
        )

    def take_action(self, parsed: Namespace) -> Table:
        return self.answer(self.sources(parsed), parsed)

    @staticmethod
    def sources(parsed: Namespace) -> Sources:
        return Sources(parsed.config_file or [FABRICD_CONF], say)

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        raise NotImplementedError


class PartitionList(PartitionCommand):
    """List the partitions: how many members Neutron wants, and whether the fabric shows them all.

    Where Neutron cannot be asked, the members are those of the published file, and that is said.
    in_force is null where the fabric cannot be read.
    """

    example = "ibstack partition list -f json"

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        return table(("key", "members", "full", "limited", "in_force"), partitions(sources))


class PartitionShow(PartitionCommand):
    """Show the members of one partition: as Neutron wants them, and as the fabric shows them.

    index: where the entry is in the port's table; null where it is not, or is not known.  A further
    port that has a member's GUID is a row of its own, with its node's name as host.
    """

    example = "ibstack partition show 0x0001"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("key", metavar="KEY", help="the partition key: 0x0001, or 1")

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        rows = members(sources, PartitionKey.parse(parsed.key))
        return table(("guid", "host", "membership", "index", "in_force"), rows)


class PartitionPlan(PartitionCommand):
    """Show what ibstack-fabricd would publish now: the steps from its file to what is wanted.

    Wanted are Neutron's members as far as the tables of the fabric's ports have room for them,
    full_default_members, and the lines of site_partitions.  Where the fabric cannot be read, that
    is said, and nothing is known of room.

    Exit code 0: nothing to do; 3: there are steps; 4: Neutron could not be asked.
    """

    example = "ibstack partition plan"

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        steps = planned_steps(sources)
        self.status = DIFFERS if steps else 0
        return table(("step", "host"), steps)


class PartitionAudit(PartitionCommand):
    """Compare the table of every port of the fabric with what Neutron wants.

    And OpenSM's multicast groups with the partitions file, on the master's host, where OpenSM
    writes them down (sa_db_dump).

    Only what two looks in a row find is listed.  Exit code 0: no difference; 3: there are some; 4:
    it could not be known, or not of every port.
    """

    example = "ibstack partition audit -f json"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
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

    def run(self, parsed: Namespace) -> int:
        return _watch(parsed) if parsed.watch else super().run(parsed)

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        return self.audited(sources, repairs=parsed.repair)

    def audited(self, sources: Sources, *, repairs: bool) -> Table:
        """Return what differs; with *repairs*, after it was repaired and with what became of it."""
        from ibstack.views.partition_audit import audited

        answer = audited(sources, repairs=repairs)
        self.status = answer.exit_code
        if not self.status:
            say(f"no difference: {answer.ends} ports are as Neutron wants them")
        columns = ("class", "alarm", "guid", "port", "entry", "detail")
        rows = [tuple(_facts(row).values()) for row, _ in answer.rows]
        if not repairs:
            return columns, rows
        became = (each.value if each else None for _, each in answer.rows)
        return (*columns, "repair"), [(*row, each) for row, each in zip(rows, became, strict=True)]


def _watch(parsed: Namespace) -> int:
    """Print each event until interrupted; return the exit code."""
    from ibstack.views.partition_audit import Watch

    watch = Watch(parsed.interval)
    try:
        for appears, row in watch.events(PartitionCommand.sources(parsed)):
            print(_line(appears, row, as_json=parsed.formatter == "json"), flush=True)
    except KeyboardInterrupt:
        return watch.exit_code
    return 0


def _line(appears: bool, row: DriftRow, *, as_json: bool) -> str:
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    what = "appears" if appears else "ends"
    if as_json:
        return json.dumps({"time": at, "event": what, **_facts(row)})
    return printable(f"{at} {what}: {row.text}")


def _facts(row: DriftRow) -> dict[str, Any]:
    return {
        "class": row.kind,
        "alarm": row.alarm,
        "guid": row.guid,
        "port": row.port,
        "entry": row.entry,
        "detail": row.detail,
    }

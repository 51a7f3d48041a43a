# SPDX-License-Identifier: Apache-2.0
"""`ibstack partition restore`, `take-over`, `allow-removals`, `accept-host`, `repair`: orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cli.partitions import PartitionAudit, PartitionCommand
from ibstack.fabric.errors import DIFFERS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.cli.shell import Table
    from ibstack.views.partitions import Sources


class _OrderCommand(PartitionCommand):
    """Orders something of the ibstack-fabricd of this host, or says what that would do."""

    order: str

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="order nothing: say what it would do; exit code 0 nothing, 3 something",
        )

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        rows = self.would(sources, parsed) if parsed.dry_run else self.give(sources, parsed)
        if parsed.dry_run and rows:
            self.status = DIFFERS
        return ("would_do" if parsed.dry_run else "ordered",), [(row,) for row in rows]

    def give(self, sources: Sources, parsed: Namespace) -> list[str]:
        from ibstack.views.operator_orders import give

        return [give(sources, self.order)]

    def would(self, sources: Sources, parsed: Namespace) -> list[str]:
        from ibstack.views.operator_orders import WOULD

        return WOULD[self.order](sources)


class PartitionRestore(_OrderCommand):
    """Put the last good copy of the partitions file back, in place of one that was edited.

    What it replaces is kept as partitions.conf.replaced in state_path.
    """

    example = "ibstack partition restore --dry-run"
    order = "restore"


class PartitionTakeOver(_OrderCommand):
    """Replace a partitions file that was there before ibstack; a copy is kept."""

    example = "ibstack partition take-over --dry-run"
    order = "take-over"


class PartitionAllowRemovals(_OrderCommand):
    """Publish once, however many members go."""

    example = "ibstack partition allow-removals --dry-run"
    order = "allow-removals"


class PartitionAcceptHost(_OrderCommand):
    """Take the ports that hosts report now for their own, after an adapter or a cable was moved.

    Give it on every host with a subnet manager.
    """

    example = "ibstack partition accept-host node001 node002"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("host", metavar="HOST", nargs="+", help="its name in Neutron")

    def give(self, sources: Sources, parsed: Namespace) -> list[str]:
        from ibstack.views.operator_orders import give_accept_host

        return give_accept_host(sources, parsed.host)

    def would(self, sources: Sources, parsed: Namespace) -> list[str]:
        from ibstack.views.operator_orders import would_accept

        return would_accept(sources, parsed.host)


class PartitionRepair(PartitionAudit):
    """Have the tables that differ written anew, however often that was tried, and say what became.

    The same as `ibstack partition audit --repair`; to be run on the master's host.
    """

    example = "ibstack partition repair --dry-run"

    def add_options(self, parser: ArgumentParser) -> None:
        PartitionCommand.add_options(self, parser)  # An order has no --watch.
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="order nothing: list what differs, as `ibstack partition audit` does",
        )

    def run(self, parsed: Namespace) -> int:
        return PartitionCommand.run(self, parsed)

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        return self.audited(sources, repairs=not parsed.dry_run)

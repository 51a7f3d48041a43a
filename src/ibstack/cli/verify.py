# SPDX-License-Identifier: Apache-2.0
"""`ibstack verify …`: is this host ready, is this fabric safe, does the cloud agree with itself."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.shell import FABRICD_CONF, Lister, Table, table
from ibstack.fabric.errors import BadInput
from ibstack.fabric.printable import printable
from ibstack.formats.nodeset import fold
from ibstack.views.verification import FindingRow, Place, Scope, verified

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Sequence

COLUMNS: Final = tuple(each.name for each in fields(FindingRow))
"""Names are the keys of `-f json`, so they must not change."""


class _Verify(Lister):
    """Shared by the verbs."""

    scopes: tuple[Scope, ...] = tuple(Scope)

    def add_options(self, parser: ArgumentParser) -> None:
        place = parser.add_mutually_exclusive_group()
        place.add_argument(
            "--from",
            dest="folder",
            metavar="FOLDER",
            type=Path,
            help="look at what was collected there, and at no machine",
        )
        place.add_argument(
            "--lab", metavar="DIR", type=Path, help="look at the lab that runs in DIR"
        )
        place.add_argument(
            "--hosts",
            metavar="HOSTS",
            help="read the files of these, as node[001-003], by the cluster's way to its hosts",
        )
        parser.add_argument(
            "--config",
            metavar="FILE",
            type=Path,
            help="the settings of this machine's clusters, for --hosts",
        )
        parser.add_argument(
            "--write", metavar="FOLDER", type=Path, help="keep what was read there, for --from"
        )
        parser.add_argument(
            "--long", action="store_true", help="say also what holds; -f json always does"
        )

    def take_action(self, parsed: Namespace) -> Table:
        place = Place(
            getattr(parsed, "config_file", FABRICD_CONF),
            parsed.folder,
            parsed.lab,
            parsed.hosts,
            parsed.config,
        )
        found = verified(place, self.scopes, parsed.write)
        self.status = found.exit_code
        if parsed.formatter == "table" and not parsed.columns:
            for line in (*found.sentences(with_ok=parsed.long), found.summary):
                self.app.stdout.write(printable(line) + "\n")
            return (), []
        return table(COLUMNS, found.rows, fold)

    def produce_output(
        self, parsed: Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Leave to cliff what is not for people to read: they have lines."""
        return int(super().produce_output(parsed, column_names, data)) if column_names else 0


class VerifyHost(_Verify):
    """Check that this host is ready: IOMMU, VFs, firmware, driver, services, clock.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    scopes = (Scope.HOST,)
    example = "ibstack verify host --from collected -f json"


class _OnFabric(_Verify):
    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            default=FABRICD_CONF,
            help="says which adapter, port and M_Key to read the fabric with (%(default)s)",
        )


class VerifyFabric(_OnFabric):
    """Check that the fabric is safe, on a host with a subnet manager, by reading all of it.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    scopes = (Scope.FABRIC,)
    example = "ibstack verify fabric"


class VerifyCloud(_OnFabric):
    """Check that Neutron's agents, its files and the hosts agree, with OS_* of an operator.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    scopes = (Scope.CLOUD,)
    example = "ibstack verify cloud --from collected"


class VerifyAll(_OnFabric):
    """Check host, fabric and cloud at once.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    example = "ibstack verify --all --lab .lab"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--all", action="store_true", help="host, fabric and cloud")

    def take_action(self, parsed: Namespace) -> Table:
        if not parsed.all:
            raise BadInput("cannot verify nothing: say `verify host`, fabric, cloud, or --all")
        return super().take_action(parsed)

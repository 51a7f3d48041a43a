# SPDX-License-Identifier: Apache-2.0
"""`ibstack port …`: why a port does not work."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.host_facts import add_places, here
from ibstack.cli.shell import Lister, Table
from ibstack.fabric.printable import printable
from ibstack.views.diagnosis import NO_HOST, explain

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ibstack.views.diagnosis import Diagnosis

COLUMNS: Final = ("looked_at", "state", "found", "source")


class PortExplain(Lister):
    """Walk the whole way of a port and say what is wrong: the answer, the way, what to do.

    PORT: name, id, MAC, GUID or PCI address.  Exit code 0: nothing is wrong; 3: something is; 4:
    nothing was found, and not all could be looked at.
    """

    example = "ibstack port explain vm1"

    _explained: Diagnosis | None = None

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("port", metavar="PORT", help="name, id, MAC, GUID or PCI address")
        parser.add_argument("--host", help="tells VFs of one PCI address apart")
        parser.add_argument(
            "--reach",
            metavar="COMMAND",
            default=os.environ.get("IBSTACK_REACH") or None,
            help=f"what runs a command on {{host}}; {NO_HOST}: ask no other host (ssh, as --config"
            " says)",
        )
        parser.add_argument(
            "--config",
            metavar="FILE",
            type=Path,
            help="the settings of this machine's clusters, whose [ssh] reaches other hosts",
        )
        add_places(parser)

    def take_action(self, parsed: Namespace) -> Table:
        self._explained = explain(
            parsed.port, parsed.host, here(parsed), parsed.reach, parsed.config
        )
        self.status = self._explained.exit_code
        return COLUMNS, rows(self._explained)

    def produce_output(self, parsed: Namespace, names: Any, data: Any) -> int:
        """Print the answer first and what to do last; JSON holds all three.

        What a machine reads is that alone: the other two go to stderr then.
        """
        explained = self._explained
        if explained is None:
            raise RuntimeError("take_action() comes first")
        if parsed.formatter == "json":
            columns, _ = self._generate_columns_and_selector(parsed, names)
            self.app.stdout.write(json.dumps(as_json(explained, columns), indent=2) + "\n")
            return 0
        talk = self.app.stdout if parsed.formatter == "table" else self.app.stderr
        talk.write(f"{printable(explained.answer)}\n")
        super().produce_output(parsed, names, data)
        gap = "\n" if talk is self.app.stdout else ""
        talk.write(f"{gap}{printable(explained.to_do)}\n")
        return 0


def rows(explained: Diagnosis) -> list[tuple[Any, ...]]:
    return [
        (step.looked_at, finding.state.value, finding.found, finding.source)
        for step, finding in explained.walked
    ]


def as_json(explained: Diagnosis, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
    """Return the whole answer, of its way those *columns*; its keys must not change."""
    walk = [dict(zip(COLUMNS, row, strict=True)) for row in rows(explained)]
    return {
        "port": explained.port,
        "answer": explained.answer,
        "exit_code": explained.exit_code,
        "walk": [{column: row[column] for column in columns} for row in walk],
        "to_do": explained.to_do,
    }

# SPDX-License-Identifier: Apache-2.0
"""`ibstack upgrade-check`: what an upgrade from networking-mlnx means for this site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.shell import Lister, Table, table
from ibstack.fabric.printable import printable
from ibstack.views.upgrade import FILES, PLACES, upgrade_check

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.views.upgrade import Answer

COLUMNS: Final = ("verdict", "source", "line", "key", "value", "ibstack", "to_do")


class UpgradeCheck(Lister):
    """Say what keeps working after networking-mlnx, what changes, and what must be decided.

    Nothing is written.  A file that is not named and not at its usual place is left out.  Exit code
    0: nothing is to be decided; 3: something is; 2: a file cannot be read; 4: not all was known.
    """

    example = "ibstack upgrade-check --agent mlnx_conf.ini --partitions partitions.conf -f json"

    _answer: Answer | None = None

    def add_options(self, parser: ArgumentParser) -> None:
        for name, what in FILES.items():
            parser.add_argument(
                f"--{name}",
                metavar="FILE",
                type=Path,
                help=f"the file {what} ({' or '.join(PLACES[name])})",
            )
        parser.add_argument(
            "--database",
            metavar="URL",
            help="Neutron's database, as SQLAlchemy spells it, in place of neutron.conf's",
        )

    def take_action(self, parsed: Namespace) -> Table:
        named = {name: getattr(parsed, name) for name in FILES}
        self._answer = upgrade_check(named, parsed.database)
        self.status = self._answer.exit_code
        return table(COLUMNS, self._answer.findings)

    def produce_output(self, parsed: Namespace, names: Any, data: Any) -> int:
        """JSON holds what could not be read; for people that is said beside the table."""
        answer = self._answer
        if answer is None:
            raise RuntimeError("take_action() comes first")
        if parsed.formatter == "json":
            self.app.stdout.write(json.dumps(as_json(answer), indent=2) + "\n")
            return 0
        for what in answer.not_known:
            self.app.stderr.write(f"ibstack: not known: {printable(what)}\n")
        super().produce_output(parsed, names, data)
        return 0


def as_json(answer: Answer) -> dict[str, Any]:
    """Return the whole answer; its keys must not change."""
    columns, rows = table(COLUMNS, answer.findings)
    return {
        "exit_code": answer.exit_code,
        "not_known": list(answer.not_known),
        "findings": [dict(zip(columns, row, strict=True)) for row in rows],
    }

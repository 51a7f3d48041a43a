# SPDX-License-Identifier: Apache-2.0
"""`ibstack upgrade-check`: what an upgrade from networking-mlnx means for this site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.shell import Lister
from ibstack.fabric.errors import BadInput
from ibstack.fabric.printable import printable
from ibstack.upgrade.check import Sources, check

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.upgrade.check import Answer
    from ibstack.upgrade.finding import Finding

COLUMNS: Final = ("verdict", "source", "line", "key", "value", "ibstack", "to_do")
_FILES: Final = {
    "agent": "of neutron-mlnx-agent",
    "eswitchd": "of eswitchd",
    "ml2": "of neutron-server",
    "neutron": "names the database",
    "partitions": "of OpenSM",
}
_PLACES: Final = {
    "agent": (
        "/etc/neutron/plugins/mlnx/mlnx_conf.ini",
        "/etc/kolla/neutron-mlnx-agent/mlnx_agent.ini",
    ),
    "eswitchd": (
        "/etc/neutron/plugins/ml2/eswitchd.conf",
        "/etc/eswitchd/eswitchd.conf",
        "/etc/kolla/neutron-eswitchd/eswitchd.conf",
    ),
    "ml2": ("/etc/neutron/plugins/ml2/ml2_conf.ini", "/etc/kolla/neutron-server/ml2_conf.ini"),
    "neutron": ("/etc/neutron/neutron.conf", "/etc/kolla/neutron-server/neutron.conf"),
    "partitions": ("/etc/opensm/partitions.conf", "/etc/rdma/partitions.conf"),
}
"""Where packages, older ones, kolla-ansible and RHEL keep them; the first that there is counts."""


class UpgradeCheck(Lister):
    """Say what keeps working after networking-mlnx, what changes, and what must be decided.

    Nothing is written.  A file that is not named and not at its usual place is left out.  Exit code
    0: nothing is to be decided; 3: something is; 2: a file cannot be read; 4: not all was known.
    """

    example = "ibstack upgrade-check --agent mlnx_conf.ini --partitions partitions.conf -f json"

    def __init__(self, app: Any, app_args: Any, **others: Any) -> None:
        super().__init__(app, app_args, **others)
        self._answer: Answer | None = None

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        for name, what in _FILES.items():
            parser.add_argument(
                f"--{name}",
                metavar="FILE",
                type=Path,
                help=f"the file {what} ({' or '.join(_PLACES[name])})",
            )
        parser.add_argument(
            "--database",
            metavar="URL",
            help="Neutron's database, as SQLAlchemy spells it, in place of neutron.conf's",
        )
        return parser

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        places = {name: getattr(parsed, name) or usual(name) for name in _FILES}
        if parsed.database is None and not any(places.values()):
            looked = ", ".join(place for name in _FILES for place in _PLACES[name])
            raise BadInput(
                f"cannot check anything: no file is at its usual place ({looked}); name those of"
                f" this site ({', '.join(f'--{name}' for name in _FILES)}), or --database"
            )
        self._answer = check(Sources(**places, database=parsed.database))
        return COLUMNS, [row(finding) for finding in self._answer.findings]

    def run(self, parsed: Namespace) -> int:
        printed = int(super().run(parsed))
        return printed or (self._answer.exit_code if self._answer else 0)

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


def row(finding: Finding) -> tuple[Any, ...]:
    return (
        finding.verdict.value,
        finding.source,
        finding.line,
        finding.key,
        finding.value,
        finding.ibstack,
        finding.to_do,
    )


def as_json(answer: Answer) -> dict[str, Any]:
    """Return the whole answer; its keys must not change."""
    return {
        "exit_code": answer.exit_code,
        "not_known": list(answer.not_known),
        "findings": [dict(zip(COLUMNS, row(each), strict=True)) for each in answer.findings],
    }


def usual(name: str, root: Path = Path("/")) -> Path | None:
    """Return where the file of an option is on this machine; None: at none of its places."""
    places = (root / place.lstrip("/") for place in _PLACES[name])
    return next((place for place in places if place.exists()), None)

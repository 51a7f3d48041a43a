# SPDX-License-Identifier: Apache-2.0
"""What an upgrade from networking-mlnx means for this site, by its files and its database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.upgrade.check import Answer as Answer
from ibstack.upgrade.check import Sources, check

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES: Final = {
    "agent": "of neutron-mlnx-agent",
    "eswitchd": "of eswitchd",
    "ml2": "of neutron-server",
    "neutron": "names the database",
    "partitions": "of OpenSM",
}
"""What each file is; the names are those of Sources."""
PLACES: Final = {
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


def upgrade_check(
    named: Mapping[str, Path | None], database: str | None, root: Path = Path("/")
) -> Answer:
    """Judge the *named* files, and those at their usual places below *root* that are not named.

    *database*: the URL of Neutron's, in place of neutron.conf's.  BadInput where there is nothing
    to judge, or a file cannot be read.
    """
    found = {name: named.get(name) or usual(name, root) for name in FILES}
    if database is None and not any(found.values()):
        looked = ", ".join(place for name in FILES for place in PLACES[name])
        raise BadInput(
            f"cannot check anything: no file is at its usual place ({looked}); name those of"
            f" this site ({', '.join(f'--{name}' for name in FILES)}), or --database"
        )
    return check(Sources(**found, database=database))


def usual(name: str, root: Path = Path("/")) -> Path | None:
    """Return where the file of an option is on this machine; None: at none of its places."""
    places = (root / place.lstrip("/") for place in PLACES[name])
    return next((place for place in places if place.exists()), None)

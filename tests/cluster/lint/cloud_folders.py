# SPDX-License-Identifier: Apache-2.0
"""Folders as an operator collects them from hosts: with the article's own files, or others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.cluster.lint.findings import findings
from ibstack.cluster.lint.sources import cloud_of

if TYPE_CHECKING:
    from ibstack.cluster.lint.finding import Finding
    from ibstack.cluster.model.state import View

RECORDED = Path(__file__).parents[2] / "recorded/article"
ML2 = "etc/neutron/plugins/ml2/ml2_conf.ini"
BRIDGE = "etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
PARTITIONS = "etc/opensm/partitions.conf"
OPENSM = "etc/opensm/opensm.conf"
_IMAGE = {
    "etc/neutron/plugins/mlnx/mlnx_conf.ini": "image_mlnx_conf.ini",
    "etc/eswitchd/eswitchd.conf": "image_eswitchd.conf",
    "etc/neutron/dhcp_agent.ini": "image_dhcp_agent.ini",
    "etc/nova/nova.conf": "image_nova.conf",
    "etc/infiniband/openib.conf": "image_openib.conf",
    "etc/modprobe.d/mlx4_core.conf": "image_mlx4_core.conf",
    "etc/modprobe.d/mlx4_ib.conf": "image_mlx4_ib.conf",
}
ARTICLE: dict[str, dict[str, str]] = {
    "headnode": {
        ML2: "head_ml2_conf.ini",
        PARTITIONS: "head_partitions.conf",
        OPENSM: "head_opensm.conf",
    },
    "node001": _IMAGE,
    "node002": {**_IMAGE, BRIDGE: "compute_linuxbridge_conf.ini"},
    "node003": {**_IMAGE, BRIDGE: "compute_linuxbridge_conf.ini"},
}


def put(root: Path, host: str, path: str, text: str | bytes) -> None:
    place = root / host / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode() if isinstance(text, str) else text)


def article(root: Path) -> Path:
    """Lay the files of the article's VLAN variant out, and return *root*."""
    for host, files in ARTICLE.items():
        for path, name in files.items():
            put(root, host, path, (RECORDED / name).read_bytes())
    return root


def found(view: View | None = None, folder: Path | None = None) -> tuple[Finding, ...]:
    return findings(cloud_of(view, folder))


def of(id_: str, view: View | None = None, folder: Path | None = None) -> list[Finding]:
    return [each for each in found(view, folder) if each.id == id_]

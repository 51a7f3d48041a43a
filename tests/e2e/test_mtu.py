# SPDX-License-Identifier: Apache-2.0
"""The lab's InfiniBand networks have the fabric's MTU by Neutron's own options, guests by DHCP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

IBSTACK = str(Path(sys.executable).with_name("ibstack"))
DIFFERS = 3


def defaults(cloud: Cloud, configuration: Path) -> int:
    """Compare Neutron's options with what head reads of the fabric; return the exit status."""
    argv = (IBSTACK, "network", "defaults", "--infiniband", "ibhostnet", "--read-fabric")
    return cloud.run_on("head", (*argv, "--config-file", str(configuration)))


def test_a_network_has_the_mtu_of_ipoib(red: Resource) -> None:
    assert red["mtu"] == 2044


def test_it_is_what_the_fabric_carries(cloud: Cloud) -> None:
    assert defaults(cloud, cloud.lab.service("neutron") / "neutron.conf") == 0


def test_another_one_is_named(
    cloud: Cloud, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ours = (cloud.lab.service("neutron") / "neutron.conf").read_text()
    wrong = tmp_path / "neutron.conf"
    wrong.write_text(ours.replace("ibhostnet:2044", "ibhostnet:1500"))

    assert defaults(cloud, wrong) == DIFFERS
    assert (
        "networks of ibhostnet get MTU 1500, and IPoIB there carries 2044" in capfd.readouterr().err
    )

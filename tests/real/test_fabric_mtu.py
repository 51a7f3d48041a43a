# SPDX-License-Identifier: Apache-2.0
"""The MTU that is read off the fabric is the one that OpenSM has set there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.mad import NodeType, PortState
from one_daemon import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.mad import FabricReader
    from ibstack_lab.fabric.simulated import Fabric

IBSTACK = str(Path(sys.executable).with_name("ibstack"))


def wait_for_active_ports(reader: FabricReader) -> None:
    until(
        lambda: all(
            port.state is PortState.ACTIVE
            for port in reader.discover().ports.values()
            if port.node_type is NodeType.CHANNEL_ADAPTER
        )
    )


def test_each_port_says_what_infiniband_diags_read(
    fabric: Fabric,
    reader_at: Callable[[str], FabricReader],
    on_fabric: Callable[..., str],
) -> None:
    reader = reader_at("node003")
    wait_for_active_ports(reader)
    found = reader.discover()

    for host in fabric.topology.hosts:
        record = found.ports[host.port_guid]
        said = on_fabric("head", "smpquery", "portinfo", str(record.lid), str(record.number))
        (mtu,) = (line.rpartition(".")[2] for line in said.splitlines() if "NeighborMTU" in line)
        assert record.mtu_bytes == int(mtu)


def test_the_command_compares_neutrons_mtu_with_the_fabrics(
    fabric: Fabric,
    reader_at: Callable[[str], FabricReader],
    on_fabric: Callable[..., str],
    tmp_path: Path,
) -> None:
    wait_for_active_ports(reader_at("node003"))
    file = tmp_path / "ml2_conf.ini"
    file.write_text(
        "[DEFAULT]\nglobal_physnet_mtu = 9000\n"
        "[ml2]\ntenant_network_types = vlan\nphysical_network_mtus = ibhostnet:2044\n"
        "[ml2_type_vlan]\nnetwork_vlan_ranges = ibhostnet:1:10\n"
    )
    words = ["--config-file", str(file), "--infiniband", "ibhostnet", "--read-fabric"]

    (row,) = json.loads(on_fabric("node002", IBSTACK, "network", "defaults", *words, "-f", "json"))

    assert (row["mtu_bytes"], row["fabric_mtu_bytes"]) == (2044, 2044)

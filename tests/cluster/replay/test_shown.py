# SPDX-License-Identifier: Apache-2.0
"""What other programs print in the article is what follows from the cluster that it set up."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

import pytest

from cluster.replay.article_commands import RECORDED
from cluster.replay.test_end_state import NODES
from ibstack.cluster.config.render.host import Sourced, ipoib_mtu
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.inheritance import effective_services
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import IpoibAddress
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.formats.ini import IniText
from ibstack.host.adapters.physical_function import find, virtual_functions
from ibstack.runtime.sysfs import Sysfs
from ibstack_lab.hosts.hardware import Hardware
from ibstack_lab.topology import ARTICLE, INTERFACE

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.replay.replayed import Replay

SERVICES = {
    "Linux bridge agent": "neutron-linuxbridge-agent",
    "DHCP agent": "neutron-dhcp-agent",
    "L3 agent": "neutron-l3-agent",
    "Mellanox plugin agent": "neutron-mlnx-agent",
    "Metadata agent": "neutron-metadata-agent",
}


def shown(name: str) -> str:
    return (RECORDED / f"shown_{name}.txt").read_text()


def shown_agents() -> set[tuple[str, str]]:
    """Return (service, host) of each agent that Neutron lists as alive."""
    rows = [line.split("|")[1:-1] for line in shown("agent_list").splitlines() if ":-)" in line]
    return {(SERVICES[kind.strip()], host.strip()) for _, kind, host, _, _ in rows}


def running_agents(replayed: Replay) -> set[tuple[str, str]]:
    """Return (service, host) of each of Neutron's agents that runs on the nodes."""
    state = replayed.state()
    return {
        (service, node)
        for node in NODES
        for service in effective_services(state, node)
        if service in SERVICES.values() and replayed.cluster.service_state(node, service) == "UP"
    }


def test_an_adapter_with_16_functions_has_them_where_lspci_shows_them(tmp_path: Path) -> None:
    hardware = Hardware(ARTICLE.host("node002"), tmp_path)
    hardware.build()
    sysfs = Sysfs(tmp_path)

    function = find(sysfs, INTERFACE)
    functions = virtual_functions(sysfs, function)

    lines = [line.split(" ", 1) for line in shown("lspci").splitlines()]
    expected = [at for at, what in lines if "Virtual Function" in what]
    assert [str(at).removeprefix("0000:") for at in functions] == expected
    assert [at for at, what in lines if "Virtual Function" not in what] == [
        str(function.pci).removeprefix("0000:")
    ]


@pytest.mark.parametrize("node", NODES)
def test_the_driver_makes_as_many_functions_as_the_firmware_has(
    replayed: Replay, node: str
) -> None:
    text = (replayed.cluster.root(node) / "etc/modprobe.d/mlx4_core.conf").read_text()
    made = re.search(r"\bnum_vfs=(\d+)", text)
    firmware = dict(re.findall(r"^(\w+) = (\S+)", shown("flint"), re.MULTILINE))

    assert made is not None
    assert made[1] == firmware["total_vfs"] == str(shown("lspci").count("Virtual Function"))
    assert firmware["sriov_en"] == "true"


def test_the_ethernet_interface_that_is_mapped_stands_on_the_infiniband_one(
    replayed: Replay,
) -> None:
    bus = re.search(r"^bus-info: (\S+)", shown("ethtool"), re.MULTILINE)
    root = replayed.cluster.root("node002") / "etc/neutron/plugins"
    bridge = IniText((root / "linuxbridge/linuxbridge_conf.ini").read_bytes()).keys()
    mellanox = IniText((root / "mlnx/mlnx_conf.ini").read_bytes()).keys()

    (upper,) = bridge["linux_bridge", "physical_interface_mappings"]
    (lower,) = mellanox["eswitch", "physical_interface_mappings"]
    assert bus is not None
    assert "ibhostnet:eth6" in upper.split(",")
    assert lower == f"ibhostnet:{bus[1]}"


def test_the_nine_agents_run_where_the_article_lists_them(replayed: Replay) -> None:
    assert len(shown_agents()) == 9
    assert running_agents(replayed) == shown_agents()


def test_a_machine_has_one_function() -> None:
    assert shown("lspci_in_the_vm").count("Virtual Function") == 1


class TestInterfacesOfTheMachine:
    def test_its_address_is_made_of_a_neutron_mac(self) -> None:
        address = IpoibAddress.parse(_of("ib0", "link/infiniband"))
        mac = address.guid.as_mac()

        assert mac == "fa:16:3e:0a:ec:e7"
        assert Guid.from_mac(mac) == address.guid

    @pytest.mark.parametrize(("interface", "key"), [("ib0", 1), ("ib1", 0x7FFF)])
    def test_the_broadcast_group_has_the_key_of_the_segment(self, interface: str, key: int) -> None:
        entry = TableEntry(PartitionKey(key), full_member=True)
        group = bytes.fromhex(_of(interface, "brd").replace(":", ""))[4:]

        # RFC 4391, 4: ff12, the IPv4 signature 401b, then the key.
        assert group[:4] == bytes.fromhex("ff12401b")
        assert int.from_bytes(group[4:6], "big") == entry.to_wire()

    def test_it_is_on_the_subnet_of_the_article(self, replayed: Replay) -> None:
        network = replayed.state().get(EntityPath.of("network", "ibnetwork"))
        assert network is not None
        base, bits = network.values["baseaddress"], network.values["netmaskbits"]

        inside = ipaddress.ip_interface(_of("ib0", "inet"))
        assert inside.network == ipaddress.ip_network(f"{base}/{bits}")
        assert _of("ib0", "brd", line="inet") == network.values["broadcastaddress"]

    def test_its_mtu_is_that_of_datagrams(self) -> None:
        fabric = Sourced(Entity(EntityPath.of("fabric", "ibhostnet")))

        assert _of("ib0", "mtu") == ipoib_mtu(fabric).text


def _of(interface: str, word: str, line: str = "") -> str:
    """Return what follows *word* in the article's `ip a`, of *interface*; in the line of *line*."""
    text = shown("ip_a_in_the_vm")
    block = re.search(rf"^\d+: {interface}:(?:.*\n)(?: .*\n)*", text, re.MULTILINE)
    assert block is not None
    found = re.search(rf"{line}.*\b{word} (\S+)", block[0]) if line else None
    found = found or re.search(rf"(?:^|\s){word} (\S+)", block[0])
    assert found is not None, (interface, word)
    return found[1]

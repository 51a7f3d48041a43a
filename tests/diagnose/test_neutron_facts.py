# SPDX-License-Identifier: Apache-2.0
"""A port is found by any of its names, and told from others."""

from __future__ import annotations

from typing import Any, Final

import pytest

from ibstack.diagnose.neutron_facts import read_cloud
from ibstack.fabric.errors import BadInput

MAC, GUID, PCI = "fa:16:3e:00:00:01", "0xfa163e0000000001", "0000:05:00.1"
IPOIB = "80:00:02:08:fe:80:00:00:00:00:00:00:fa:16:3e:00:00:00:00:01"
PHYSICAL = "0x0002c90300000031"


def port(name: str, mac: str, host: str, pci: str) -> dict[str, Any]:
    return {
        "id": f"id-of-{name}",
        "name": name,
        "mac_address": mac,
        "network_id": "n1",
        "admin_state_up": True,
        "status": "ACTIVE",
        "binding:host_id": host,
        "binding:vnic_type": "direct",
        "binding:vif_type": "ib_hostdev",
        "binding:profile": {"pci_slot": pci},
        "device_owner": "compute:nova",
        "extra_dhcp_opts": [
            {"opt_name": "client-id", "opt_value": "20:FA", "ip_version": 4},
            {"opt_name": "client-id", "opt_value": "20:06", "ip_version": 6},
        ],
        "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.1.0.5"}],
    }


def agent(host: str) -> dict[str, Any]:
    vfs = "0000:05:00.1-0000:05:02.0"
    adapter = {"physical_network": "ibhostnet", "kind": "mlx4", "port_guid": None, "vfs": vfs}
    return {
        "binary": "ibstack-agent",
        "host": host,
        "alive": True,
        "configurations": {"adapters": [adapter]},
    }


def network(network_id: str, physical_network: str) -> dict[str, Any]:
    return {
        "id": network_id,
        "name": "red",
        "provider:segmentation_id": 257,
        "provider:network_type": "vlan",
        "provider:physical_network": physical_network,
    }


class Neutron:
    """Keeps rows and filters them as the API does."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {
            "ports": [
                port("vm1", MAC, "node002", PCI),
                port("vm2", "fa:16:3e:00:00:02", "node003", PCI),
                port("twice", "fa:16:3e:00:00:03", "node002", "0000:05:00.3"),
                port("twice", "fa:16:3e:00:00:04", "node003", "0000:05:00.4") | {"id": "other"},
            ],
            "networks": [network("n1", "ibhostnet"), network("n2", "ethernet")],
            "subnets": [
                {"id": "s1", "network_id": "n1", "enable_dhcp": True, "ip_version": 4},
                {"id": "s2", "network_id": "n1", "enable_dhcp": True, "ip_version": 6},
            ],
            "agents": [agent("node002"), agent("node003")],
        }

    def list(self, kind: str, **filters: str) -> list[dict[str, Any]]:
        return [row for row in self.rows[kind] if all(row.get(k) == v for k, v in filters.items())]


@pytest.mark.parametrize(
    "wanted", ["vm1", "id-of-vm1", MAC, MAC.upper(), GUID, GUID[2:], IPOIB, IPOIB.upper()]
)
def test_a_port_is_found_by_any_of_its_names(wanted: str) -> None:
    found = read_cloud(Neutron(), wanted)

    assert found.port is not None
    assert (found.port.id, found.port.client_id) == ("id-of-vm1", "20:fa")
    assert found.network is not None
    assert found.network.dhcp_subnets == ("s1",)


def test_a_pci_address_names_a_port_where_the_host_is_given() -> None:
    found = read_cloud(Neutron(), PCI, "node003")

    assert found.port is not None
    assert found.port.name == "vm2"


def test_a_pci_address_names_a_port_on_a_host_whose_agent_is_gone() -> None:
    cloud = Neutron()
    cloud.rows["agents"].clear()

    with pytest.raises(BadInput, match=r"several ports are meant: .* on node002, .* on node003"):
        read_cloud(cloud, PCI)
    found = read_cloud(cloud, PCI, "node003").port
    assert found is not None
    assert found.name == "vm2"


def test_a_mac_of_two_networks_names_a_port_where_the_host_is_given() -> None:
    cloud = Neutron()
    cloud.rows["ports"].append(port("other", MAC, "node003", "0000:05:00.5") | {"network_id": "n2"})

    with pytest.raises(BadInput, match="several ports are meant"):
        read_cloud(cloud, MAC)
    found = read_cloud(cloud, MAC, "node003").port
    assert found is not None
    assert found.name == "other"


def test_a_mac_of_another_host_than_was_given_is_found_all_the_same() -> None:
    assert read_cloud(Neutron(), MAC, "node009").port is not None


def test_the_guid_of_a_physical_port_is_refused_with_the_ports_that_it_serves() -> None:
    cloud = Neutron()
    cloud.rows["agents"][0]["configurations"]["adapters"][0]["port_guid"] = PHYSICAL

    served = "that is the adapter of node002 on ibhostnet, which serves id-of-vm1 on node002, id-of"
    with pytest.raises(BadInput, match=served):
        read_cloud(cloud, PHYSICAL)
    with pytest.raises(BadInput, match="no MAC makes that GUID, and no host reports an adapter"):
        read_cloud(cloud, "0x0002c90300000099")


@pytest.mark.parametrize("wanted", [PCI, "twice"])
def test_what_names_several_ports_is_refused_with_their_ids(wanted: str) -> None:
    with pytest.raises(BadInput, match=r"several ports are meant: .* on node002, .* on node003"):
        read_cloud(Neutron(), wanted)


def test_a_name_that_no_port_has_is_refused() -> None:
    with pytest.raises(BadInput, match=r"cannot explain port 'vm9': Neutron shows this user no"):
        read_cloud(Neutron(), "vm9")


def test_a_mac_that_no_port_has_may_be_plugged_all_the_same() -> None:
    found = read_cloud(Neutron(), "fa:16:3e:00:00:99")

    assert (found.port, found.mac) == (None, "fa:16:3e:00:00:99")


def test_another_port_on_its_vf_is_a_neighbour() -> None:
    cloud = Neutron()
    cloud.rows["ports"].append(port("late", "fa:16:3e:00:00:77", "node002", PCI))

    assert [each.name for each in read_cloud(cloud, "vm1").neighbours] == ["late"]


def test_a_port_of_its_mac_is_a_neighbour_on_the_same_physical_network_alone() -> None:
    cloud = Neutron()
    twin = port("ethernet", MAC, "node009", "0000:07:00.1") | {"network_id": "n2"}
    cloud.rows["ports"].append(twin)
    assert read_cloud(cloud, "vm1").neighbours == ()

    cloud.rows["ports"].append(twin | {"id": "id-of-twin", "network_id": "n1"})
    assert [each.id for each in read_cloud(cloud, "vm1").neighbours] == ["id-of-twin"]


_ROW: Final[dict[str, Any]] = {"physical_network": "ibhostnet", "kind": "mlx4"}


@pytest.mark.parametrize(
    ("report", "unread"),
    [
        ({"adapters": [{"kind": "mlx4"}]}, "it has no physical_network"),
        ({"adapters": [{"physical_network": "ibhostnet"}]}, "it has no kind"),
        ({"adapters": [_ROW | {"physical_network": 7}]}, "its physical network is 7"),
        ({"adapters": [_ROW | {"port_guid": "0"}]}, "GUID '0'"),
        ({"adapters": [_ROW | {"port_guid": 5}]}, "'int' object has no attribute"),
        ({"adapters": [_ROW | {"vfs": "0000:05:00.1-x"}]}, "PCI address 'x'"),
        ({"adapters": [_ROW | {"vfs": 3}]}, "'int' object has no attribute"),
        ({"adapters": ["text"]}, "'str' object has no attribute"),
        ({"adapters": 3}, None),
        ("{", None),
        ("[]", None),
        (None, None),
        (3, None),
    ],
)
def test_a_report_that_cannot_be_read_is_told_and_hides_no_other_port(
    report: object, unread: str | None
) -> None:
    cloud = Neutron()
    cloud.rows["agents"][1]["configurations"] = report

    found = read_cloud(cloud, "vm1")

    broken = found.agent("ibstack-agent", "node003")
    assert broken is not None
    assert broken.adapters == ()
    assert len(broken.unread) == (unread is not None)
    assert "".join(broken.unread).startswith(unread or "")
    assert found.agent("ibstack-agent", "node002") != broken

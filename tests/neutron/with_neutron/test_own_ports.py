# SPDX-License-Identifier: Apache-2.0
"""DHCP and router ports, which hosts plug for themselves: through a real Neutron."""

from typing import Any

import pytest

NODE, OTHER_NODE = "node001", "node002"
GUID, SECOND_GUID = "0x0002c90300000021", "0x0002c90300000022"
ROUTER_OWNERS = [
    "network:router_interface",
    "network:router_gateway",
    "network:router_centralized_snat",
]


def own(
    cloud: Any, network: str, host: str = NODE, owner: str = "network:dhcp", **more: Any
) -> dict[str, Any]:
    return dict(
        cloud.port(
            network,
            host,
            device_owner=owner,
            device_id=f"{owner}-{host}",
            **{"binding:vnic_type": "normal"},
            **more,
        )
    )


def members(cloud: Any) -> set[tuple[str, str, bool]]:
    return {(m["guid"], m["key"], m["shared"]) for m in cloud.wanted_of()["members"]}


def network_node(cloud: Any, host: str = NODE, **more: Any) -> None:
    """A host with an adapter and no VFs."""
    cloud.agent(host, vfs="", port_guid=GUID, **more)


@pytest.mark.parametrize("owner", ["network:dhcp", *ROUTER_OWNERS])
@pytest.mark.parametrize("kind", ["mlx4", "mlx5"])
def test_it_is_bound_and_active_and_its_host_is_a_full_member(
    cloud: Any, owner: str, kind: str
) -> None:
    network_node(cloud, kind=kind)

    port = own(cloud, cloud.network(5), owner=owner)

    assert port["binding:vif_type"] == "other"
    assert cloud.status(port["id"]) == "ACTIVE"
    assert cloud.wanted_of()["members"] == [
        {
            "port_id": port["id"],
            "host": NODE,
            "guid": GUID,
            "key": "0x0005",
            "membership": "full",
            "shared": True,
        }
    ]


def test_it_is_nothing_that_the_host_should_program(cloud: Any) -> None:
    network_node(cloud)
    port = own(cloud, cloud.network(5))

    assert cloud.wanted_on(NODE)["ports"] == []
    assert cloud.ready(port["id"], host=NODE) == [port["id"]]


def test_fabricd_may_say_that_it_is_in_force(cloud: Any) -> None:
    cloud.fabricd()
    network_node(cloud)
    port = own(cloud, cloud.network(5))

    assert cloud.in_force(port["id"]) == []
    assert cloud.status(port["id"]) == "ACTIVE"


def test_the_host_is_a_member_until_the_last_one_leaves(cloud: Any) -> None:
    network_node(cloud)
    network = cloud.network(5)
    dhcp = own(cloud, network)
    router = own(cloud, network, owner="network:router_interface")
    etag = cloud.wanted_of()["etag"]

    cloud.delete(dhcp["id"])
    assert members(cloud) == {(GUID, "0x0005", True)}
    assert cloud.wanted_of()["etag"] != etag

    cloud.delete(router["id"])
    assert members(cloud) == set()


def test_one_that_moves_takes_the_membership_with_it(cloud: Any) -> None:
    network_node(cloud)
    cloud.agent(OTHER_NODE, vfs="", port_guid=SECOND_GUID)
    port = own(cloud, cloud.network(5))

    cloud.update(port["id"], host=OTHER_NODE)

    assert members(cloud) == {(SECOND_GUID, "0x0005", True)}


def test_every_adapter_of_the_physical_network_is_a_member(cloud: Any) -> None:
    network_node(cloud, second_port_guid=SECOND_GUID)
    own(cloud, cloud.network(5))

    assert members(cloud) == {(GUID, "0x0005", True), (SECOND_GUID, "0x0005", True)}


def test_one_that_is_switched_off_makes_no_member(cloud: Any) -> None:
    network_node(cloud)
    port = own(cloud, cloud.network(5))

    cloud.update(port["id"], admin_state_up=False)

    assert members(cloud) == set()


def test_on_a_flat_network_it_is_bound_and_makes_no_member(cloud: Any) -> None:
    network_node(cloud)

    port = own(cloud, cloud.network(None, kind="flat"))

    assert port["binding:vif_type"] == "other"
    assert members(cloud) == set()


def test_only_the_fabric_is_told_and_for_each_change(cloud: Any) -> None:
    network_node(cloud)
    port = own(cloud, cloud.network(5))
    assert cloud.hints.fabrics
    cloud.hints.forget()

    cloud.update(port["id"], admin_state_up=False)
    assert cloud.hints.fabrics
    cloud.hints.forget()
    cloud.update(port["id"], host="")
    assert cloud.hints.fabrics
    cloud.hints.forget()
    cloud.update(port["id"], host=NODE)
    assert cloud.hints.fabrics
    cloud.hints.forget()
    cloud.delete(port["id"])
    assert cloud.hints.fabrics
    assert cloud.hints.hosts == []


def test_it_needs_an_agent_that_is_alive_and_maps_the_physical_network(cloud: Any) -> None:
    network = cloud.network(5)
    assert own(cloud, network)["binding:vif_type"] == "binding_failed"
    network_node(cloud, physical_network="ibstorage")
    assert own(cloud, network)["binding:vif_type"] == "binding_failed"
    network_node(cloud)
    assert own(cloud, network)["binding:vif_type"] == "other"
    cloud.bury(NODE)
    assert own(cloud, network)["binding:vif_type"] == "binding_failed"


def test_one_that_could_not_be_bound_is_bound_at_its_next_update(cloud: Any) -> None:
    port = own(cloud, cloud.network(5))
    network_node(cloud)

    port = cloud.update(port["id"], name="what the DHCP agent does when it starts anew")

    assert port["binding:vif_type"] == "other"
    assert members(cloud) == {(GUID, "0x0005", True)}


def test_ports_of_other_owners_are_left_alone(cloud: Any) -> None:
    network_node(cloud)

    assert own(cloud, cloud.network(5), owner="compute:nova")["binding:vif_type"] == (
        "binding_failed"
    )
    assert own(cloud, cloud.network(6, physical_network="ethernet"))["binding:vif_type"] == (
        "binding_failed"
    )
    assert members(cloud) == set()
    assert cloud.hints.fabrics == []


def test_it_has_no_client_id_and_may_share_a_mac(cloud: Any) -> None:
    network_node(cloud)
    mac = "fa:16:3e:aa:bb:cc"
    cloud.port(cloud.network(5), OTHER_NODE, mac_address=mac)

    port = own(cloud, cloud.network(6), mac_address=mac)

    assert port["binding:vif_type"] == "other"
    assert port["extra_dhcp_opts"] == []

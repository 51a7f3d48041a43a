# SPDX-License-Identifier: Apache-2.0
"""P_Key tables with no place left: declined or refused before a port is bound, with the reason."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Refused

if TYPE_CHECKING:
    from .conftest import Cloud

NODE, OTHER = "node003", "node004"
GUID = "0x0002c90300000031"
FAILED, OTHER_TYPE = "binding_failed", "other"


def vf(number: int) -> str:
    return f"0000:05:00.{number}"


def small(cloud: Cloud, *, kind: str = "mlx4", entries: int | None = 3, **more: Any) -> None:
    """Report NODE with a table of two places beside the default partition's."""
    cloud.agent(kind=kind, port_guid=GUID, entries=entries, **more)


def dhcp(cloud: Cloud, network: str, host: str = NODE) -> dict[str, Any]:
    own = {"binding:vnic_type": "normal", "device_owner": "network:dhcp"}
    return cloud.port(network, host, **own)


def fill(cloud: Cloud) -> list[dict[str, Any]]:
    return [cloud.port(cloud.network(key), NODE, pci=vf(key)) for key in (1, 2)]


def test_a_vf_of_mlx4_is_refused_where_the_table_of_its_port_is_full(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    small(cloud)
    assert [port["binding:vif_type"] for port in fill(cloud)] == ["ib_hostdev"] * 2

    third = cloud.network(3)
    with pytest.raises(Refused, match=rf"409.*port {GUID} of host node003 is full.*room for 2"):
        cloud.port(third, NODE, pci=vf(3))
    port = cloud.port(third)
    with pytest.raises(Refused, match=r"409.*is full"):
        cloud.update(port["id"], host=NODE, pci=vf(3))

    assert cloud.show(port["id"])["binding:host_id"] == "", "nothing of it was taken"
    assert any("is refused: the P_Key table" in r.message for r in caplog.records)


def test_a_network_that_is_there_needs_no_place(cloud: Cloud) -> None:
    small(cloud)
    first, _ = fill(cloud)

    again = cloud.port(first["network_id"], NODE, pci=vf(3))

    assert again["binding:vif_type"] == "ib_hostdev"


def test_a_place_is_free_again_when_the_ports_have_gone(cloud: Cloud) -> None:
    small(cloud)
    first, _ = fill(cloud)
    cloud.delete(first["id"])

    assert cloud.port(cloud.network(3), NODE, pci=vf(3))["binding:vif_type"] == "ib_hostdev"


def test_vfs_of_mlx5_have_tables_of_their_own(cloud: Cloud) -> None:
    small(cloud, kind="mlx5", entries=2)

    assert [port["binding:vif_type"] for port in fill(cloud)] == ["ib_hostdev"] * 2


def test_a_flat_network_needs_no_place(cloud: Cloud) -> None:
    small(cloud)
    fill(cloud)

    port = cloud.port(cloud.network(None, kind="flat"), NODE, pci=vf(3))

    assert port["binding:vif_type"] == "ib_hostdev"


@pytest.mark.parametrize("kind", ["mlx4", "mlx5"])
def test_a_dhcp_port_is_declined_where_the_table_is_full(
    cloud: Cloud, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.INFO)
    small(cloud, kind=kind)
    bound = [dhcp(cloud, cloud.network(key))["binding:vif_type"] for key in (1, 2)]

    third = dhcp(cloud, cloud.network(3))

    assert bound == [OTHER_TYPE] * 2
    assert third["binding:vif_type"] == FAILED
    assert any(f"port {GUID} of host node003 is full" in r.message for r in caplog.records)


def test_dhcp_and_vfs_of_one_table_count_together(cloud: Cloud) -> None:
    small(cloud)
    network = cloud.network(1)
    dhcp(cloud, network)
    cloud.port(network, NODE, pci=vf(1))
    dhcp(cloud, cloud.network(2))

    with pytest.raises(Refused, match=r"409.*is full"):
        cloud.port(cloud.network(3), NODE, pci=vf(2))


def test_the_destination_of_a_live_migration_is_declined_where_it_is_full(cloud: Cloud) -> None:
    small(cloud)
    fill(cloud)
    cloud.agent(OTHER)
    port = cloud.port(cloud.network(3), OTHER, pci=vf(3), device_owner="compute:nova")

    with pytest.raises(Exception, match="could not be created"):
        cloud.bind_elsewhere(port["id"], NODE, vf(3))


def test_a_migration_that_is_under_way_is_never_refused(cloud: Cloud) -> None:
    cloud.agent(OTHER)
    small(cloud, entries=9)
    port = cloud.port(cloud.network(3), OTHER, pci=vf(3), device_owner="compute:nova")
    cloud.bind_elsewhere(port["id"], NODE, vf(3))
    fill(cloud)
    small(cloud)  # Its table has become smaller meanwhile.

    cloud.activate(port["id"], NODE)

    assert cloud.show(port["id"])["binding:host_id"] == NODE


@pytest.mark.parametrize(
    "report",
    [
        {"table_room": 2},
        {"table_room": 99, "small_tables": [f"{GUID} 2"]},
        {"table_room": 99, "small_tables": ["nonsense", f"{GUID} 2", f"{GUID} 50"]},
    ],
    ids=["every port", "that port", "with nonsense"],
)
def test_what_fabricd_has_walked_counts_too(cloud: Cloud, report: dict[str, Any]) -> None:
    """The switch's table and the subnet manager's proof keys are known to it alone."""
    small(cloud, entries=128)
    cloud.fabricd(**report)
    fill(cloud)

    with pytest.raises(Refused, match=r"409.*room for 2"):
        cloud.port(cloud.network(3), NODE, pci=vf(3))


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"table_room": None},
        {"table_room": "2", "small_tables": 7},
        {"table_room": 2, "physical_network": "ibstorage"},
        {"table_room": 99, "small_tables": ["0x0002c90300000099 0"]},
    ],
)
def test_what_nobody_knows_is_let_through(cloud: Cloud, report: dict[str, Any]) -> None:
    small(cloud, entries=None)
    cloud.fabricd(**report)
    fill(cloud)

    assert cloud.port(cloud.network(3), NODE, pci=vf(3))["binding:vif_type"] == "ib_hostdev"


def test_dhcp_agents_are_chosen_where_there_is_a_place(cloud: Cloud) -> None:
    small(cloud)
    cloud.agent(OTHER, entries=3)
    first = cloud.network(1)
    for network in (first, cloud.network(2)):
        dhcp(cloud, network)

    def hosts(network: str) -> set[str]:
        both = {NODE, OTHER}
        return set(cloud.plugin.filter_hosts_with_network_access(cloud.fresh(), network, both))

    assert hosts(cloud.network(3)) == {OTHER}
    assert hosts(first) == {NODE, OTHER}

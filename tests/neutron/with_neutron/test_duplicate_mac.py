# SPDX-License-Identifier: Apache-2.0
"""Two ports with one MAC on one fabric would be one GUID: the second one is refused."""

from typing import Any

import pytest

NODE = "node003"
MAC = "fa:16:3e:00:00:01"
OTHER = "fa:16:3e:00:00:02"


def refusal(call: Any, *arguments: Any, **attributes: Any) -> tuple[int, str]:
    """Return the HTTP status and the message with which Neutron refuses."""
    with pytest.raises(Exception, match="cannot give port") as caught:
        call(*arguments, **attributes)
    refused: Any = caught.value  # Of pecan or of the plugin: each has a status.
    return refused.status, str(refused)


def test_the_second_port_is_refused_with_409_and_the_reason(cloud: Any) -> None:
    cloud.agent()
    first = cloud.port(cloud.network(1), NODE, mac_address=MAC)

    status, message = refusal(cloud.port, cloud.network(2), mac_address=MAC)

    assert status == 409
    assert MAC in message
    assert "choose another MAC address" in message
    assert first["id"] not in message, "it may be another project's"
    assert cloud.show(first["id"])["binding:vif_type"] == "ib_hostdev"


def test_a_change_of_the_mac_is_refused_too(cloud: Any) -> None:
    cloud.agent()
    cloud.port(cloud.network(1), mac_address=MAC)
    second = cloud.port(cloud.network(2), mac_address=OTHER)

    status, _ = refusal(cloud.update, second["id"], mac_address=MAC)

    assert status == 409
    assert cloud.show(second["id"])["mac_address"] == OTHER


def test_two_fabrics_may_have_the_same_mac(cloud: Any) -> None:
    cloud.agent()
    cloud.agent("node004", physical_network="ibstorage")
    cloud.port(cloud.network(1), mac_address=MAC)

    cloud.port(cloud.network(1, physical_network="ibstorage"), mac_address=MAC)


def test_an_ethernet_network_may_repeat_a_mac(cloud: Any) -> None:
    cloud.agent()
    cloud.port(cloud.network(1, physical_network="ethernet"), mac_address=MAC)

    cloud.port(cloud.network(2, physical_network="ethernet"), mac_address=MAC)


def test_a_port_that_is_no_vf_has_no_guid_to_share(cloud: Any) -> None:
    cloud.agent()
    cloud.port(cloud.network(1), mac_address=MAC, **{"binding:vnic_type": "normal"})

    cloud.port(cloud.network(2), mac_address=MAC)


def test_of_two_that_slipped_through_the_younger_is_held(cloud: Any) -> None:
    # Until it is listed, or served by fabricd, nobody knows that the network is InfiniBand.
    cloud.infiniband()
    first = cloud.port(cloud.network(1), mac_address=MAC)
    second = cloud.port(cloud.network(2), mac_address=MAC)
    cloud.agent()
    cloud.update(second["id"], host=NODE, pci="0000:05:00.2")
    cloud.update(first["id"], host=NODE, pci="0000:05:00.1")

    wanted = cloud.wanted_of()

    older, younger = sorted((first["id"], second["id"]), key=lambda i: cloud.age(i))
    assert [member["port_id"] for member in wanted["members"]] == [older]
    assert [held["port_id"] for held in wanted["held"]] == [younger]
    assert f"also that of port {older}, which is older" in wanted["held"][0]["why"]
    assert [port["id"] for port in cloud.wanted_on()["ports"]] == [older]


def test_the_host_of_the_younger_is_not_told_of_it_wherever_the_older_is(cloud: Any) -> None:
    cloud.infiniband()
    first = cloud.port(cloud.network(1), mac_address=MAC)
    second = cloud.port(cloud.network(2), mac_address=MAC)
    hosts = dict(zip((first["id"], second["id"]), (NODE, "node004"), strict=True))
    for port_id, host in hosts.items():
        cloud.agent(host)
        cloud.update(port_id, host=host, pci="0000:05:00.1")

    older, younger = sorted(hosts, key=cloud.age)

    assert [port["id"] for port in cloud.wanted_on(hosts[older])["ports"]] == [older]
    assert cloud.wanted_on(hosts[younger])["ports"] == []


def test_a_mac_that_another_fabric_or_ethernet_has_too_is_told(cloud: Any) -> None:
    cloud.agent()
    cloud.agent("node004", physical_network="ibstorage")
    cloud.port(cloud.network(1, physical_network="ethernet"), mac_address=MAC)
    other = cloud.network(1, physical_network="ibstorage")
    cloud.port(other, "node004", pci="0000:05:00.1", mac_address=MAC)

    port = cloud.port(cloud.network(1), NODE, pci="0000:05:00.1", mac_address=MAC)

    assert [one["id"] for one in cloud.wanted_on()["ports"]] == [port["id"]]
    assert [one["port_id"] for one in cloud.wanted_of()["members"]] == [port["id"]]


def test_of_two_that_belong_to_a_fabric_only_one_that_is_on_counts(cloud: Any) -> None:
    cloud.infiniband()
    first = cloud.port(cloud.network(1), mac_address=MAC)
    second = cloud.port(cloud.network(2), mac_address=MAC)
    cloud.agent()
    for number, port in enumerate((first, second), start=1):
        cloud.update(port["id"], host=NODE, pci=f"0000:05:00.{number}")
    older, younger = sorted((first["id"], second["id"]), key=cloud.age)

    cloud.update(older, admin_state_up=False)

    assert {one["id"] for one in cloud.wanted_on()["ports"]} == {older, younger}
    assert [one["port_id"] for one in cloud.wanted_of()["members"]] == [younger]

# SPDX-License-Identifier: Apache-2.0
"""What hosts and fabrics are told, and who is woken: through a real Neutron."""

from typing import Any

NODE, OTHER_NODE = "node003", "node004"
VF1, VF2 = "0000:05:00.1", "0000:05:00.2"
MAC = "fa:16:3e:aa:bb:cc"


def test_a_host_is_told_all_about_its_port(cloud: Any) -> None:
    cloud.agent()
    network = cloud.network(0x123)
    port = cloud.port(network, NODE, pci=VF1, mac_address=MAC)

    answer = cloud.wanted_on()

    (told,) = answer["ports"]
    assert isinstance(told.pop("revision"), int)
    assert told == {
        "id": port["id"],
        "network_id": network,
        "mac": MAC,
        "guid": "0xfa163e0000aabbcc",
        "pci": VF1,
        "physical_network": "ibhostnet",
        "entry": "0x8123",
        "admin_state_up": True,
        "status": "DOWN",
        "binding": "ACTIVE",
    }


def test_nothing_new_is_said_without_the_ports(cloud: Any) -> None:
    cloud.agent()
    network = cloud.network()
    cloud.port(network, NODE, pci=VF1)
    etag = cloud.wanted_on()["etag"]

    assert cloud.wanted_on(etag=etag) == {"etag": etag, "ports": None}
    cloud.port(network, NODE, pci=VF2)
    assert len(cloud.wanted_on(etag=etag)["ports"]) == 2


def test_a_host_without_ports_is_told_that_there_are_none(cloud: Any) -> None:
    assert cloud.wanted_on("unheard-of")["ports"] == []
    assert cloud.wanted_of("unheard-of")["members"] == []


def test_a_flat_port_holds_the_default_partition_as_a_limited_member(cloud: Any) -> None:
    cloud.agent()
    cloud.port(cloud.network(None, kind="flat"), NODE, pci=VF1)

    assert cloud.wanted_on()["ports"][0]["entry"] == "0x7fff"
    assert cloud.wanted_of()["members"] == []


def test_on_mlx5_the_vf_is_the_member_and_on_mlx4_the_physical_port(cloud: Any) -> None:
    cloud.agent(NODE)
    cloud.agent(OTHER_NODE, kind="mlx4", port_guid="0x0002c90300000031")
    network = cloud.network(5)
    vf = cloud.port(network, NODE, pci=VF1, mac_address=MAC)["id"]
    shared = cloud.port(network, OTHER_NODE, pci=VF1)["id"]

    members = {member["port_id"]: member for member in cloud.wanted_of()["members"]}

    assert members[vf] == {
        "port_id": vf,
        "host": NODE,
        "guid": "0xfa163e0000aabbcc",
        "key": "0x0005",
        "membership": "full",
        "shared": False,
    }
    assert members[shared]["guid"] == "0x0002c90300000031"
    assert members[shared]["shared"] is True


def test_a_port_that_is_switched_off_is_no_member_but_its_host_knows(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, pci=VF1)

    cloud.update(port["id"], admin_state_up=False)

    assert cloud.wanted_of()["members"] == []
    assert cloud.wanted_on()["ports"][0]["admin_state_up"] is False


def test_only_the_active_binding_is_a_member_and_both_hosts_know(cloud: Any) -> None:
    cloud.agent()
    cloud.agent(OTHER_NODE)
    port = cloud.port(cloud.network(), NODE, pci=VF1, device_owner="compute:nova")

    cloud.bind_elsewhere(port["id"], OTHER_NODE, VF2)

    assert [m["host"] for m in cloud.wanted_of()["members"]] == [NODE]
    assert [p["binding"] for p in cloud.wanted_on(NODE)["ports"]] == ["ACTIVE"]
    assert [p["binding"] for p in cloud.wanted_on(OTHER_NODE)["ports"]] == ["INACTIVE"]

    cloud.activate(port["id"], OTHER_NODE)

    assert [m["host"] for m in cloud.wanted_of()["members"]] == [OTHER_NODE]
    assert [p["binding"] for p in cloud.wanted_on(OTHER_NODE)["ports"]] == ["ACTIVE"]


def test_a_port_that_begins_to_wait_for_the_fabric_makes_its_report_due(cloud: Any) -> None:
    cloud.agent()
    cloud.fabricd()
    port = cloud.port(cloud.network(), NODE, pci=VF1)
    cloud.in_force(port["id"])
    etag = cloud.wanted_of()["etag"]
    assert cloud.wanted_of(etag=etag)["members"] is None

    cloud.update(port["id"], pci=VF2)  # The same GUID and key: the members are as before.

    assert cloud.wanted_of(etag=etag)["members"] is not None


def test_both_are_woken_when_a_port_is_bound(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, pci=VF1)

    assert cloud.hints.hosts == [(NODE, port["id"])]
    assert cloud.hints.fabrics == ["ibhostnet"]


def test_an_unbound_port_wakes_nobody(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network())
    cloud.update(port["id"], name="blue")
    cloud.delete(port["id"])

    assert cloud.hints.hosts == []
    assert cloud.hints.fabrics == []


def test_old_and_new_host_are_woken_when_a_port_moves(cloud: Any) -> None:
    cloud.agent()
    cloud.agent(OTHER_NODE)
    port = cloud.port(cloud.network(), NODE, pci=VF1)
    cloud.hints.forget()

    cloud.update(port["id"], host=OTHER_NODE)

    assert {host for host, _ in cloud.hints.hosts} == {NODE, OTHER_NODE}


def test_an_activation_wakes_both_hosts_and_the_fabric(cloud: Any) -> None:
    cloud.agent()
    cloud.agent(OTHER_NODE)
    port = cloud.port(cloud.network(), NODE, pci=VF1, device_owner="compute:nova")
    cloud.bind_elsewhere(port["id"], OTHER_NODE, VF2)
    cloud.hints.forget()

    cloud.activate(port["id"], OTHER_NODE)

    assert {host for host, _ in cloud.hints.hosts} == {NODE, OTHER_NODE}
    assert set(cloud.hints.fabrics) == {"ibhostnet"}


def test_deleting_and_unbinding_wake_both(cloud: Any) -> None:
    cloud.agent()
    network = cloud.network()
    for end in (cloud.delete, lambda port_id: cloud.update(port_id, host="", pci=None)):
        port = cloud.port(network, NODE, pci=VF1)
        cloud.hints.forget()

        end(port["id"])

        assert cloud.hints.hosts == [(NODE, port["id"])]
        assert cloud.hints.fabrics == ["ibhostnet"]


def test_what_an_agent_reported_itself_wakes_nobody(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, pci=VF1)
    cloud.hints.forget()

    cloud.ready(port["id"])

    assert cloud.hints.hosts == []
    assert cloud.hints.fabrics == []


def test_a_status_that_was_lost_wakes_the_host(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, pci=VF1)
    cloud.ready(port["id"])
    cloud.hints.forget()

    cloud.plugin.update_port_status(cloud.fresh(), port["id"], "DOWN", NODE)

    assert cloud.hints.hosts == [(NODE, port["id"])]
    assert cloud.hints.fabrics == []


def test_a_new_name_wakes_nobody(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, pci=VF1)
    cloud.hints.forget()

    cloud.update(port["id"], name="blue")

    assert cloud.hints.hosts == []


def test_a_report_in_another_hosts_name_brings_no_port_into_a_partition(cloud: Any) -> None:
    theirs = "0x0002c90300000032"
    cloud.agent(NODE, kind="mlx4", port_guid="0x0002c90300000031")
    cloud.agent(OTHER_NODE, kind="mlx4", port_guid=theirs)
    port = cloud.port(cloud.network(5), NODE, pci=VF1)["id"]
    assert [member["guid"] for member in cloud.wanted_of()["members"]] == ["0x0002c90300000031"]

    cloud.agent(NODE, kind="mlx4", port_guid=theirs)

    answer = cloud.wanted_of()
    assert answer["members"] == []
    (held,) = answer["held"]
    assert (held["port_id"], held["host"], held["key"]) == (port, NODE, "0x0005")
    assert theirs in held["why"]
    assert answer["claims"] == [{"guid": theirs, "hosts": [NODE, OTHER_NODE]}]

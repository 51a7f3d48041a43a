# SPDX-License-Identifier: Apache-2.0
"""Today's files, what each key follows from, and what is refused."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from cluster.infiniband_cluster import (
    COMPUTE_ROLE,
    FABRIC,
    GUID,
    HEAD_ROLE,
    ML2,
    NETWORK_ROLE,
    compute_items,
    former_cluster,
    infiniband_roles,
    set_values,
    todays_cluster,
)
from ibstack.cluster.config.refused import refused_modifications
from ibstack.cluster.config.render import files_of, files_of_all, ini_paths
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.fabric.errors import BadInput, BadValue
from ibstack.formats.ini import IniText, Keys
from ibstack.formats.partitions_conf.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.cluster.model.state import Draft

OVS = "/etc/neutron/plugins/ml2/openvswitch_agent.ini"
DHCP = "/etc/neutron/dhcp_agent.ini"
PARTITIONS = "/etc/opensm/partitions.conf"


def text_of(draft: Draft, device: str, path: str) -> str:
    return files_of(draft, device)[PurePosixPath(path)].text


def keys(draft: Draft, device: str, path: str) -> Keys:
    return IniText(text_of(draft, device, path).encode()).keys()


def paths(draft: Draft, device: str) -> list[str]:
    return [str(path) for path in files_of(draft, device)]


@pytest.mark.parametrize("cluster", [todays_cluster, former_cluster])
def test_files_of_neutron_and_nova_are_their_groups_alone(cluster: Callable[[], Draft]) -> None:
    draft = cluster()
    found = [file for host in draft.names("device") for file in files_of(draft, host).values()]

    for file in found:
        path = str(file.path)
        service = next((each for each in ("neutron", "nova") if f"/etc/{each}/" in path), "")
        group = "neutron" if file.path.name == "agent.conf" else service
        assert (file.group, file.mode) == ((group, 0o640) if group else ("", 0o644)), path
    assert {each.group for each in found} == {"", "neutron", "nova"}


def test_a_file_that_is_given_a_secret_is_its_owners_alone() -> None:
    draft, conf = todays_cluster(), "/etc/ibstack/fabricd.conf"
    secret = f"+{conf}[DEFAULT]transport_url=rabbit://user:secret@broker/"
    set_values(draft, HEAD_ROLE, configfilemodifications=(secret,))

    found = files_of(draft, "headnode")[PurePosixPath(conf)]

    assert (found.group, found.mode) == ("", 0o600)


def test_each_host_has_the_files_of_its_roles() -> None:
    draft = todays_cluster()

    assert paths(draft, "headnode") == [
        "/etc/clustershell/groups.d/ibstack.yaml",
        "/etc/genders",
        "/etc/ibstack/fabricd.conf",
        ML2,
        "/etc/opensm/opensm.conf",
    ]
    assert paths(draft, "node001") == [
        "/etc/default/grub.d/ibstack.cfg",
        "/etc/ibstack/agent.conf",
        "/etc/ibstack/eswitchd.conf",
        "/etc/modprobe.d/mlx4_core.conf",
        "/etc/modprobe.d/mlx4_ib.conf",
        DHCP,
        "/etc/neutron/l3_agent.ini",
        OVS,
    ]
    assert "/etc/nova/nova.conf" in paths(draft, "node002")
    assert paths(draft, "vnode001") == []


def test_a_network_node_gets_multi_on_infiniband_and_the_plain_driver_elsewhere() -> None:
    draft = todays_cluster()
    found = keys(draft, "node001", DHCP)
    assert found["DEFAULT", "interface_driver"] == ("multi",)
    assert found["ipoib", "physical_interface_mappings"] == ("ibhostnet:ib0",)
    assert found["ipoib", "ordinary_interface_driver"] == ("openvswitch",)

    draft.remove(
        EntityPath.of("category", "openstack-network-nodes").inside("roles", "infinibandhost")
    )
    found = keys(draft, "node001", DHCP)
    assert found["DEFAULT", "interface_driver"] == ("openvswitch",)
    assert ("ipoib", "mode") not in found


def test_vxlan_takes_the_hosts_address_on_the_network_that_it_rides_on() -> None:
    draft = todays_cluster("vxlan")
    assert keys(draft, "node002", OVS)["ovs", "local_ip"] == ("10.141.0.2",)

    draft.put(Entity(EntityPath.of("network", "tunnelnet")))
    values = {"openstacknetworktype": "VXLAN", "openstackhostnetwork": "tunnelnet"}
    draft.put(Entity(EntityPath.of("network", "vxlan"), "", values))
    own = EntityPath.of("device", "node002").inside("interfaces", "eth1")
    draft.put(Entity(own, "physical", {"network": "tunnelnet", "ip": "10.161.0.2"}))

    found = keys(draft, "node002", OVS)
    assert found["ovs", "local_ip"] == ("10.161.0.2",)
    assert found["ovs", "bridge_mappings"] == ("phyflatnet:br-vlan",)
    assert keys(draft, "headnode", ML2)["ml2_type_vxlan", "vni_ranges"] == ("1:8000",)


def test_mappings_follow_from_interfaces_unless_the_role_has_them() -> None:
    draft = todays_cluster()
    both = ("phyflatnet:br-vlan,phyvlanhostnet:br-vlan",)
    assert keys(draft, "node002", OVS)["ovs", "bridge_mappings"] == both

    set_values(draft, COMPUTE_ROLE, interfacemappings=("phyvlanhostnet:br-other",))
    found = ("phyvlanhostnet:br-other,phyflatnet:br-vlan",)
    assert keys(draft, "node002", OVS)["ovs", "bridge_mappings"] == found


def test_full_members_of_the_default_partition_are_named_by_guid() -> None:
    draft = todays_cluster()
    assert keys(draft, "headnode", "/etc/ibstack/fabricd.conf")[
        "fabric", "full_default_members"
    ] == (GUID,)

    set_values(draft, FABRIC, partitions="static")
    first = next(
        line for line in text_of(draft, "headnode", PARTITIONS).splitlines() if line[0] != "#"
    )
    assert first == (
        f"Default=0x7fff,ipoib,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full, {GUID}=full;"
    )


def test_a_large_mtu_and_mlx5_are_told_to_opensm_and_nova() -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, partitions="static", mtu="4092", adapter="mlx5")

    assert "n000a=0x000a,ipoib,mtu=5: ALL_CAS=full;\n" in text_of(draft, "headnode", PARTITIONS)
    (spec,) = keys(draft, "node002", "/etc/nova/nova.conf")["pci", "device_spec"]
    assert json.loads(spec) == {"devname": "ib0", "physical_network": "ibhostnet"}
    assert "/etc/modprobe.d/mlx4_core.conf" not in paths(draft, "node002")


@pytest.mark.parametrize("values", [{}, {"mtu": "4092"}, {"defaultmembership": "full"}])
def test_opensm_takes_static_partitions_as_they_are_written(values: dict[str, str]) -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, partitions="static", keyrange="1:300", **values)
    found = read(text_of(draft, "headnode", PARTITIONS).encode())

    assert found.remarks == ()
    # One for each partition, and one for the default one.
    assert len(found.groups) == 301
    assert {group.mtu for group in found.groups.values()} == {5 if "mtu" in values else 4}


def test_every_physical_network_has_its_own_mtu() -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, mtu="4092")
    mtus = "ibhostnet:{},phyflatnet:1500,phyvlanhostnet:1500"
    found = keys(draft, "headnode", ML2)
    # ibstack-fabricd's groups carry no more.
    assert found["DEFAULT", "global_physnet_mtu"] == ("2044",)
    assert found["ml2", "path_mtu"] == ("1500",)
    assert found["ml2", "physical_network_mtus"] == (mtus.format(2044),)

    set_values(draft, FABRIC, partitions="static")
    found = keys(draft, "headnode", ML2)
    assert found["ml2", "physical_network_mtus"] == (mtus.format(4092),)

    set_values(draft, FABRIC, mode="connected")
    found = keys(draft, "headnode", ML2)
    assert found["DEFAULT", "global_physnet_mtu"] == ("65520",)


@pytest.mark.parametrize("text", ["0:10", "1:32767", "10:1", "1", "a:b", "1:2:3", ""])
def test_a_key_range_that_no_file_can_say_is_refused(text: str) -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, keyrange=text, partitions="static")

    with pytest.raises(BadValue, match="key range"):
        files_of(draft, "headnode")


def test_keys_beyond_vlan_ids_and_reserved_ones_are_left_out() -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, keyrange="1:32766")

    found = keys(draft, "headnode", ML2)
    ranges = ("ibhostnet:1:4094,phyvlanhostnet:11:20",)
    assert found["ml2_type_vlan", "network_vlan_ranges"] == ranges
    assert found["infiniband", "owned_keys"] == ("0x0001-0x7fef",)


def test_an_unknown_host_is_told() -> None:
    with pytest.raises(
        BadInput, match="cannot generate the files of device node009: there is no such"
    ):
        files_of(todays_cluster(), "node009")


@pytest.mark.parametrize("cluster", [former_cluster, todays_cluster])
@pytest.mark.parametrize("device", ["headnode", "node001", "node002", "node003"])
def test_every_key_names_the_object_that_it_follows_from(cluster: object, device: str) -> None:
    draft = cluster()  # type: ignore[operator]
    for file in files_of(draft, device).values():
        assert file.origin, file.path
        if file.ini:
            named = {key for key, _ in file.origin}
            assert named == {f"[{s}]{k}" for s, k in IniText(file.text.encode()).keys()}  # noqa: SIM118
        for _, origin in file.origin:
            for part in origin.split(" and "):
                path = part.partition(":")[0]
                assert path == "device" or draft.get(EntityPath.parse(path)), origin
                assert path in file.objects or path == "device"


def test_a_modified_key_names_the_role_that_modifies_it() -> None:
    draft = former_cluster()
    on_category = files_of(draft, "node002")
    on_node = files_of(draft, "node003")
    key = "[linux_bridge]physical_interface_mappings"
    path = PurePosixPath("/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini")

    assert dict(on_category[path].origin)[key] == f"{COMPUTE_ROLE}: config file modifications"
    own = "device/node003/roles/openstacknode: config file modifications"
    assert dict(on_node[path].origin)[key] == own
    assert f"# from {own}\nphysical_interface_mappings = ibhostnet:eth4" in on_node[path].text
    assert "vxlan" in on_node[path].text


def test_one_key_of_one_node_needs_one_line() -> None:
    draft = former_cluster()
    mappings = compute_items("eth4")[-1]
    role = EntityPath.of("device", "node003").inside("roles", "openstacknode")
    draft.put(
        Entity(role, "openstacknode", {"merge": "keys", "configfilemodifications": (mappings,)})
    )

    path = PurePosixPath("/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini")
    theirs = IniText(files_of(former_cluster(), "node003")[path].text.encode()).keys()
    assert IniText(files_of(draft, "node003")[path].text.encode()).keys() == theirs


@pytest.mark.parametrize("cluster", [former_cluster, todays_cluster])
def test_all_at_once_is_the_same_as_one_by_one(cluster: object) -> None:
    draft = cluster()  # type: ignore[operator]
    for number, values in enumerate(
        ({"kernelparameters": "quiet"}, {"softwareimage": "virtual-node-image"}, {}), 10
    ):
        path = EntityPath.of("device", f"node0{number}")
        category = "openstack-compute-hosts"
        draft.put(Entity(path, "PhysicalNode", {"category": category, "ip": "10.1.1.1", **values}))
        draft.put(Entity(path.inside("interfaces", "eth0"), "physical", {"network": "internalnet"}))
    infiniband_roles(draft, virtualfunctions=4)
    devices = draft.names("device")

    for names in (devices, devices[::-1]):
        assert dict(files_of_all(draft, names)) == {name: files_of(draft, name) for name in names}


def refused(draft: Draft, role: EntityPath, *items: str) -> list[str]:
    set_values(draft, role, configfilemodifications=items)
    return [why for _, why in refused_modifications(draft, role)]


def test_a_modification_of_a_file_that_the_role_generates_is_well() -> None:
    draft = todays_cluster()

    assert refused(draft, HEAD_ROLE, f"+{ML2}[eswitch]a=1") == []
    assert refused(draft, COMPUTE_ROLE, f"-{OVS}[ovs]bridge_mappings") == []
    assert refused(draft, NETWORK_ROLE, f"+{DHCP}[DEFAULT]a=1") == []
    # Of another role of the same hosts.
    assert refused(draft, COMPUTE_ROLE, "+/etc/ibstack/eswitchd.conf[eswitchd]group=root") == []


def test_a_modification_that_would_do_nothing_says_what_would_be_valid() -> None:
    draft = todays_cluster()

    (why,) = refused(draft, HEAD_ROLE, f"+{OVS}[ovs]a=1")

    assert why == (
        f"no role here generates {OVS}; files that can be modified here:"
        f" /etc/ibstack/fabricd.conf, {ML2}"
    )
    (why,) = refused(draft, HEAD_ROLE, "+/etc/genders[a]b=1")
    assert why == "/etc/genders is generated, but is no ini file"
    (why,) = refused(draft, HEAD_ROLE, "+/etc/x")
    assert why == "at character 8: expected [section] after the path"


def test_what_is_not_generated_cannot_be_dropped() -> None:
    draft = todays_cluster()

    (why,) = refused(draft, COMPUTE_ROLE, f"-{OVS}[nosuch]a")
    assert why == "no section [nosuch] is generated there; sections: [ovs], [securitygroup]"
    (why,) = refused(draft, COMPUTE_ROLE, f"-{OVS}[OVS]a", f"+{OVS}[ovs]b=1")
    assert why.startswith("no such key is generated there; keys of [OVS]: ")
    assert "bridge_mappings" in why

    # It may be meant to stand for what is set, or be put there by the category.
    assert refused(draft, COMPUTE_ROLE, f"-{OVS}[nosuch]a", f"+{OVS}[nosuch]a=1") == []
    entity = draft.get(COMPUTE_ROLE)
    assert entity is not None
    draft.put(entity.with_value("merge", "keys"))
    assert refused(draft, COMPUTE_ROLE, f"-{OVS}[nosuch]a") == []


def test_a_category_without_nodes_may_name_any_file_that_is_ever_generated() -> None:
    draft = todays_cluster()
    role = EntityPath.of("category", "empty").inside("roles", "openstacknode")
    draft.put(Entity(EntityPath.of("category", "empty")))
    draft.put(Entity(role, "openstacknode"))

    assert refused(draft, role, *(f"+{path}[a]b=1" for path in ini_paths())) == []
    assert len(refused(draft, role, "+/etc/fstab[a]b=1")) == 1

# SPDX-License-Identifier: Apache-2.0
"""The contradictions D1 to D7 that the article contains are found, on copies of its own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.infiniband_cluster import compute_items, former_cluster, set_values, todays_cluster
from cluster.lint.cloud_folders import BRIDGE, ML2, RECORDED, article, found, of, put
from ibstack.cluster.model.entity import Entity, EntityPath

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.cluster.lint.finding import Finding
    from ibstack.cluster.model.state import Draft


def lines(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    return [(str(each.place), each.value, str(each.other), each.other_value) for each in findings]


def with_services(draft: Draft, owner: EntityPath, *names: str) -> Draft:
    for name in names:
        draft.put(Entity(owner.inside("services", name), "", {"autostart": True}))
    return draft


def test_d1_the_server_and_the_agents_have_other_ranges(tmp_path: Path) -> None:
    assert lines(of("ranges-differ", folder=article(tmp_path))) == [
        (
            f"node[002-003]:/{BRIDGE}:3",
            "phyvlanhostnet:11:20",
            f"headnode:/{ML2}:8",
            "phyvlanhostnet:20:30",
        )
    ]


def test_d2_an_agent_maps_an_interface_that_the_host_does_not_have(tmp_path: Path) -> None:
    article(tmp_path)
    put(tmp_path, "node002", "interfaces", "lo eth0 eth6 ib0 br0-flat-veth\n")

    assert lines(of("interface-absent", folder=tmp_path)) == [
        (
            f"node002:/{BRIDGE}:5",
            "phyvlanhostnet:br0-veth",
            "node002:interfaces",
            "br0-flat-veth eth0 eth6 ib0 lo",
        )
    ]


def test_d2_the_hosts_file_maps_another_interface_than_the_cluster_says(tmp_path: Path) -> None:
    folder = article(tmp_path)
    same = compute_items("eth6")[-1].partition("=")[2]
    differing = of("differs-from-cluster", former_cluster(), folder)

    assert (f"node002:/{BRIDGE}:5", same) in {(str(e.place), e.other_value) for e in differing}


def test_d3_the_server_lacks_a_physical_network_that_hosts_serve(tmp_path: Path) -> None:
    article(tmp_path)
    put(tmp_path, "headnode", ML2, (RECORDED / "head_ml2_conf.vxlan.ini").read_bytes())
    (finding,) = of("physical-network-missing", folder=tmp_path)

    assert str(finding.place) == f"headnode:/{ML2}:8"
    assert "ibhostnet" not in finding.value
    assert "ibhostnet:1:10" in finding.other_value
    assert "add ibhostnet" in finding.remedy


def test_d4_a_network_is_on_a_physical_network_that_nothing_knows() -> None:
    draft = former_cluster()
    path = EntityPath.of("network", "ibnetwork")
    draft.put(Entity(path, "", {"openstackphysicalnetworkname": "ibnetwork"}))
    (finding,) = of("physical-network-unknown", draft)

    assert (finding.place.file, finding.value) == ("network/ibnetwork", "ibnetwork")
    assert "ibhostnet" in finding.remedy
    set_values(draft, path, openstackphysicalnetworkname="ibhostnet")
    assert of("physical-network-unknown", draft) == []


def test_d5_names_that_nothing_has(tmp_path: Path) -> None:
    put(tmp_path, "headnode", "cm/local/apps/cmd/etc/cmd.conf", 'FreezeFile = { "/etc/x" }\n')
    script = "device use node001\nset nextinstallmethod FULL\nservices; add neutron-mlxn-agent\n"
    put(tmp_path, "headnode", "etc/site/install.cmsh", script)
    draft = with_services(
        former_cluster(), EntityPath.of("category", "openstack-compute-hosts"), "neutron-mlxn-agent"
    )
    unknown = of("unknown-name", folder=tmp_path)

    assert [(each.place.line, each.value, each.remedy) for each in unknown] == [
        (1, '{ "/etc/x" }', "write FrozenFile"),
        (2, "nextinstallmethod", "write nextinstallmode"),
        (3, "neutron-mlxn-agent", "write neutron-mlnx-agent"),
    ]
    assert [each.remedy for each in of("unknown-service", draft)] == ["call it neutron-mlnx-agent"]


def test_d6_a_category_has_the_files_of_services_that_it_does_not_have(tmp_path: Path) -> None:
    compute = EntityPath.of("category", "openstack-compute-hosts")
    draft = with_services(former_cluster(), compute, "eswitchd", "neutron-mlnx-agent")
    missing = of("service-missing", draft, article(tmp_path))

    assert {(each.place.file, each.remedy.split()[3]) for each in missing} == {
        ("category/openstack-network-nodes", "eswitchd"),
        ("category/openstack-network-nodes", "neutron-mlnx-agent"),
    }


def test_d7_a_comment_is_a_part_of_the_value(tmp_path: Path) -> None:
    section = (RECORDED / "compute_linuxbridge_conf.vxlan_section").read_bytes()
    put(tmp_path, "node002", BRIDGE, b"[vxlan]\n" + section)
    comments = of("comment-in-value", folder=tmp_path)

    assert [(each.place.line, each.key) for each in comments] == [
        (3, "[vxlan]local_ip"),
        (4, "[vxlan]vxlan_group"),
    ]
    assert comments[0].value.startswith("10.161.0.2 ")


def test_nothing_is_found_in_todays_files_of_the_same_cluster() -> None:
    for isolation in ("vlan", "vxlan"):
        draft = todays_cluster(isolation)
        of_files = [each for each in found(draft) if each.id != "service-missing"]

        assert of_files == []


def test_nothing_is_found_in_todays_cluster_with_its_services() -> None:
    draft = todays_cluster()
    for name in ("openstack-compute-hosts", "openstack-network-nodes"):
        agents = ("neutron-openvswitch-agent", "ibstack-agent", "ibstack-eswitchd")
        with_services(draft, EntityPath.of("category", name), *agents)
    with_services(draft, EntityPath.of("device", "headnode"), "ibstack-fabricd")

    assert found(draft) == ()

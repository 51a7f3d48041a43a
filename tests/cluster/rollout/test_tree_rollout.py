# SPDX-License-Identifier: Apache-2.0
"""Commits reach hosts: what differs is written, who reads it is restarted, and nothing else."""

import json
from pathlib import Path

import pytest

from cluster.article import starting_state
from cluster.rollout.tree_cluster import TreeCluster, tree_cluster
from ibstack.transport.apply_request import ApplyRequest, ServiceRequest

STARTED = ("headnode", "node001", "node002", "node003")
BRIDGE = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
ML2 = "/etc/neutron/plugins/ml2/ml2_conf.ini"
CHANGE_MAPPINGS = (
    "category use openstack-compute-hosts; roles; use openstacknode",
    f'set configfilemodifications "+{BRIDGE}[linux_bridge]physical_interface_mappings=a:eth6"',
)


@pytest.fixture
def cluster(tmp_path: Path) -> TreeCluster:
    return tree_cluster(tmp_path, starting_state(), STARTED)


def test_a_dry_run_names_nodes_files_keys_and_services_and_changes_nothing(
    cluster: TreeCluster,
) -> None:
    before = cluster.read("node002", BRIDGE)

    said = cluster.type(*CHANGE_MAPPINGS, "commit --dry-run")

    assert f"node[002-003]: replace {BRIDGE}\n" in said
    assert f"node[002-003]: {BRIDGE}: [linux_bridge]physical_interface_mappings: " in said
    assert "node[002-003]: restart neutron-linuxbridge-agent\n" in said
    assert "node001" not in said
    assert cluster.read("node002", BRIDGE) == before
    assert cluster.store.load().revision == 1


def test_a_commit_writes_the_file_and_restarts_its_reader_where_that_runs(
    cluster: TreeCluster,
) -> None:
    cluster.type("device use node003; services; stop neutron-linuxbridge-agent")

    said = cluster.type(*CHANGE_MAPPINGS, "commit")

    assert "physical_interface_mappings = a:eth6\n" in cluster.read("node002", BRIDGE)
    assert "physical_interface_mappings = a:eth6\n" in cluster.read("node003", BRIDGE)
    assert "[notice] node002: Service neutron-linuxbridge-agent was restarted\n" in said
    assert cluster.service_state("node003", "neutron-linuxbridge-agent") == "STOPPED"
    assert cluster.type("device drift").count("\n") >= 1


def test_what_was_edited_by_hand_is_kept(cluster: TreeCluster) -> None:
    place = cluster.root("node002") / BRIDGE.lstrip("/")
    place.write_text("[agent]\nby = hand\n")

    plan = cluster.type(*CHANGE_MAPPINGS, "commit --dry-run")
    said = cluster.type("commit")

    assert f"node002: replace {BRIDGE} (not written by ibstack)\n" in plan
    assert f"node003: replace {BRIDGE}\n" in plan
    kept = said.partition("it is kept as ")[2].split("\n")[0]
    assert "[warning] node002: " in said
    assert cluster.read("node002", kept) == "[agent]\nby = hand\n"


def test_a_frozen_file_is_left_alone(cluster: TreeCluster) -> None:
    before = cluster.read("node002", BRIDGE)

    cluster.type(f"device use node002; set frozenfiles {BRIDGE}; commit", *CHANGE_MAPPINGS)
    plan = cluster.type("commit --dry-run")
    cluster.type("commit")

    assert f"node002: frozen {BRIDGE}" in plan
    assert "node003: restart neutron-linuxbridge-agent\n" in plan
    assert cluster.read("node002", BRIDGE) == before


def test_comments_that_change_restart_nobody(cluster: TreeCluster) -> None:
    said = cluster.type(
        "category clone openstack-compute-hosts another; commit",
        "device use node002; set category another; commit",
    )

    assert "category/another" in cluster.read("node002", BRIDGE)
    assert "was restarted" not in said


def test_a_new_service_with_autostart_starts_and_a_removed_one_stops(
    cluster: TreeCluster,
) -> None:
    plan = cluster.type(
        "category use openstack-compute-hosts; services; add eswitchd; set autostart yes",
        "commit --dry-run",
    )
    said = cluster.type("commit")

    assert "node[002-003]: start eswitchd\n" in plan
    assert "node[002-003]: Service eswitchd was started\n" in said
    assert cluster.service_state("node002", "eswitchd") == "UP"

    said = cluster.type("..; remove eswitchd; commit")

    assert "node[002-003]: Service eswitchd was stopped\n" in said


def test_a_service_that_an_operator_stopped_stays_stopped(cluster: TreeCluster) -> None:
    cluster.type("device use node001; services; stop opensm; home")

    cluster.type(
        "category use openstack-network-nodes; services; add opensm; set autostart yes; commit",
        "device use node001; services; remove opensm; commit",
        "category use openstack-network-nodes; set kernelparameters quiet; commit",
    )

    assert cluster.service_state("node001", "opensm") == "STOPPED"


def test_groups_follow_a_move_at_once(cluster: TreeCluster) -> None:
    cluster.type(
        "category clone openstack-compute-hosts another; commit",
        "device use node002; set category another; commit",
    )

    genders = cluster.read("headnode", "/etc/genders")
    assert "node002 all,category=another,computenode\n" in genders
    source = cluster.read("headnode", "/etc/clustershell/groups.d/ibstack.yaml")
    assert '"another": "node002"' in source


def test_groups_of_a_site_stay_and_what_they_take_is_told_by_plan_commit_and_drift(
    cluster: TreeCluster,
) -> None:
    genders = cluster.root("headnode") / "etc/genders"
    site = "headnode all,login\nnode[001-003] all,category=old,rack=1\n"
    genders.write_text(site)
    sources = cluster.root("headnode") / "etc/clustershell/groups.d/site.yaml"
    sources.write_text("type:\n  login: headnode\n")
    told = "/etc/genders: category of node[001-002]: wanted category=openstack-network-nodes"
    taken = "/etc/clustershell/groups.d/ibstack.yaml: group source type: wanted as generated, but"

    move = "device use node002; set category openstack-network-nodes"
    plan = cluster.type(move, "commit --dry-run")
    said = cluster.type("commit")
    drift = cluster.type("device drift -n headnode")

    for answer in (plan, said):
        assert told in answer
        assert taken in answer
    assert cluster.session.output.failures == 0
    text = genders.read_text()
    assert text.startswith(site)
    assert "\nnode002 computenode\n" in text
    assert "\nnode003 computenode\n" in text
    assert "\nvnode001 all,category=virtual-nodes,computenode,virtualnode\n" in text
    assert "type:" not in cluster.read("headnode", "/etc/clustershell/groups.d/ibstack.yaml")
    assert "line 2 gives category=old" in drift
    assert "/etc/clustershell/groups.d/site.yaml has one too" in drift

    genders.write_text(text.replace(",category=old", ""))
    sources.unlink()
    cluster.type("device use node003; set category openstack-network-nodes; commit")

    assert cluster.type("device drift -n headnode") == "No drift\n"


def test_a_genders_file_that_genders_does_not_read_is_left_alone_and_the_commit_says_so(
    cluster: TreeCluster,
) -> None:
    genders = cluster.root("headnode") / "etc/genders"
    genders.write_text("node001 all rack=1\n")

    said = cluster.type("device use node002; set category openstack-network-nodes; commit")

    assert "[error] headnode: /etc/genders: cannot write beside what stands there" in said
    assert "line 1, 'node001 all rack=1': there is a blank among the attributes" in said
    assert cluster.session.output.failures == 1
    assert genders.read_text() == "node001 all rack=1\n"
    assert "genders does not read" in cluster.type("device drift -n headnode")


def test_a_line_behind_the_section_is_named_as_an_editor_counts_it(cluster: TreeCluster) -> None:
    genders = cluster.root("headnode") / "etc/genders"
    standing = genders.read_text()
    assert "BEGIN generated" in standing
    number = standing.count("\n") + 1

    genders.write_text(standing + "site1 rack=1\nnode002 all rack=1\n")
    said = cluster.type("device use node002; set category openstack-network-nodes; commit")
    assert f"line {number + 1}, 'node002 all rack=1'" in said

    genders.write_text(standing + "node002 category=old\n")
    assert f"line {number} gives category=old" in cluster.type("device drift -n headnode")


def test_an_image_that_is_cloned_gets_its_tree(cluster: TreeCluster) -> None:
    place = cluster.image("openstack-image") / "etc"
    (place / "other").hardlink_to(place / "image")
    (place / "link").symlink_to("image")

    said = cluster.type("softwareimage; clone openstack-image one; clone one two; ..; commit")

    assert "Copied: /cm/images/openstack-image -> /cm/images/one\n" in said
    for name in ("one", "two"):
        etc = cluster.image(name) / "etc"
        assert (etc / "image").read_text() == "openstack-image\n"
        assert (etc / "other").samefile(etc / "image")
        assert (etc / "link").readlink() == Path("image")


def test_an_image_without_a_tree_is_told_and_the_commit_stays(cluster: TreeCluster) -> None:
    said = cluster.type(
        "softwareimage; add nothing; commit; clone nothing something; commit",
    )

    assert "[error] headnode: cannot copy " in said
    assert not cluster.image("something").exists()
    assert "something" in cluster.store.load().names("softwareimage")


def test_what_only_a_restart_brings_is_flagged_until_then(cluster: TreeCluster) -> None:
    plan = cluster.type(
        "category use openstack-compute-hosts; set kernelparameters intel_iommu=on",
        "commit --dry-run",
    )
    cluster.type("commit")

    assert "node[002-003]: restart-required: kernel parameters, " in plan
    assert cluster.reach.status(["node002"])["node002"].flags == ("restart-required",)
    assert "kernel parameters" in cluster.type("device drift -n node002")

    cluster.type("device; reboot -n node002")

    assert cluster.reach.status(["node002"])["node002"].flags == ()
    assert "kernel parameters" not in cluster.type("device drift -n node002")
    assert cluster.reach.status(["node003"])["node003"].flags == ("restart-required",)


def test_notes_concern_no_host(cluster: TreeCluster) -> None:
    assert "node" not in cluster.type(
        "category use openstack-compute-hosts; set notes hello; commit"
    ).replace("Successfully", "")


def test_a_host_that_is_down_gets_its_files_when_it_comes(cluster: TreeCluster) -> None:
    cluster.type("device power off -n node003")

    said = cluster.type(*CHANGE_MAPPINGS, "commit")

    assert "node003: not up: it gets this commit when it starts\n" in said
    assert "a:eth6" not in cluster.read("node003", BRIDGE)
    assert "node003" in cluster.type("device drift -n node003")

    cluster.type("device power on -n node003")

    assert "a:eth6" in cluster.read("node003", BRIDGE)
    assert cluster.type("device drift -n node003") == "No drift\n"


def test_drift_tells_keys_files_and_services(cluster: TreeCluster) -> None:
    assert cluster.type("device drift -n node001..node003") == "No drift\n"
    place = cluster.root("node002") / BRIDGE.lstrip("/")
    place.write_text(f"{place.read_text()}[agent]\nby = hand\n")
    (cluster.root("node003") / BRIDGE.lstrip("/")).unlink()
    cluster.hosts.apply({"node003": ApplyRequest((), (ServiceRequest("libvirtd", "stop"),))})

    found = {
        (each["host"], each["what"]): each["found"]
        for each in json.loads(cluster.type("device drift -f json -n node001..node003"))
    }

    assert found["node002", BRIDGE] == "edited by hand"
    assert found["node002", f"{BRIDGE}[agent]by"] == "hand"
    assert found["node003", BRIDGE] == "missing"
    assert found["node003", "service libvirtd"] == "DOWN"
    assert len(found) == 4


def test_a_commit_twice_changes_nothing_more(cluster: TreeCluster) -> None:
    cluster.type(*CHANGE_MAPPINGS, "commit")
    before = cluster.read("node002", BRIDGE)

    assert cluster.type("commit --dry-run") == "Nothing to commit\n"
    cluster.type("undo", "undo")

    assert cluster.read("node002", BRIDGE) == before

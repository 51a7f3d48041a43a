# SPDX-License-Identifier: Apache-2.0
"""Nodes are installed as their modes say, and scripts run in sequence."""

from pathlib import Path

import pytest

from cluster.article import starting_state
from cluster.rollout.tree_cluster import TreeCluster, tree_cluster
from ibstack.cluster.model.entity import EntityPath

BRIDGE = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"


@pytest.fixture
def cluster(tmp_path: Path) -> TreeCluster:
    return tree_cluster(tmp_path, starting_state(), ("node002",))


def reboot(cluster: TreeCluster, mode: str) -> str:
    return cluster.type(f"device use node002; set nextinstallmode {mode}; commit; reboot; home")


def test_a_mode_that_is_asked_for_once_is_used_once(cluster: TreeCluster) -> None:
    said = reboot(cluster, "FULL")

    assert "node002: INSTALLING (FULL)\n" in said
    assert said.endswith("node002: UP\n")
    device = cluster.store.load().get(EntityPath.of("device", "node002"))
    assert device is not None
    assert "nextinstallmode" not in device.values
    last = cluster.store.history(1)[0]
    assert last.author == "installer"
    assert "node002: INSTALLING (AUTO)\n" in cluster.type("device reboot -n node002")


def test_the_session_goes_on_after_the_installers_commit(cluster: TreeCluster) -> None:
    reboot(cluster, "FULL")

    cluster.type("device use node002; set notes hello; commit")

    assert cluster.session.output.failures == 0


def test_full_begins_anew_auto_follows_the_image_and_nosync_leaves(cluster: TreeCluster) -> None:
    etc = cluster.root("node002") / "etc"
    (etc / "own").write_text("")
    (etc / "image").write_text("changed\n")

    reboot(cluster, "NOSYNC")
    assert (etc / "own").exists()
    assert (etc / "image").read_text() == "changed\n"

    reboot(cluster, "AUTO")
    assert not (etc / "own").exists()
    assert (etc / "image").read_text() == "openstack-image\n"

    (etc / "own").write_text("")
    reboot(cluster, "FULL")
    assert not (etc / "own").exists()
    assert cluster.type("device drift -n node002") == "No drift\n"


def test_auto_leaves_what_the_exclude_list_says(cluster: TreeCluster) -> None:
    image = cluster.image("openstack-image")
    for name in ("kept", "missing", "never"):
        (image / name).write_text("image\n")
    root = cluster.root("node002")
    (root / "kept").write_text("node\n")
    cluster.type(
        "category use openstack-compute-hosts",
        'set excludelistsyncinstall "- /kept\n- /missing\nno-new-files: - /never"',
        "commit",
    )

    reboot(cluster, "AUTO")

    assert (root / "kept").read_text() == "node\n"
    assert (root / "missing").read_text() == "image\n"
    assert not (root / "never").exists()


def test_auto_keeps_what_was_edited_by_hand(cluster: TreeCluster) -> None:
    place = cluster.root("node002") / BRIDGE.lstrip("/")
    place.write_text("by hand\n")

    said = reboot(cluster, "AUTO")
    kept = said.partition("it is kept as ")[2].split("\n")[0]
    reboot(cluster, "AUTO")

    assert cluster.read("node002", kept) == "by hand\n"


def test_scripts_run_the_categorys_first(cluster: TreeCluster) -> None:
    write = 'echo {} $CMD_HOSTNAME $CMD_CATEGORY >> \\"$IBSTACK_ROOT/etc/said\\"'
    cluster.type(
        "category use openstack-compute-hosts",
        f'set finalizescript "{write.format("category")}"',
        "home; device use node002",
        f'set finalizescript "{write.format("node")}"',
        "commit; category commit",
    )
    cluster.type("category; commit")

    reboot(cluster, "FULL")

    said = cluster.read("node002", "/etc/said").splitlines()
    assert said == [
        "category node002 openstack-compute-hosts",
        "node node002 openstack-compute-hosts",
    ]


def test_a_script_that_fails_stops_the_installation(cluster: TreeCluster) -> None:
    cluster.type("device use node002; set initializescript 'exit 7'; commit")

    said = reboot(cluster, "FULL")

    assert "[error] node002: INSTALLER_FAILED: cannot run the initialize script" in said
    assert cluster.reach.status(["node002"])["node002"].state == "INSTALLER_FAILED"
    device = cluster.store.load().get(EntityPath.of("device", "node002"))
    assert device is not None
    assert device.values["nextinstallmode"] == "FULL"


def test_a_data_node_is_not_made_anew(cluster: TreeCluster) -> None:
    (cluster.root("node002") / "data").write_text("precious\n")
    cluster.type("category use openstack-compute-hosts; set datanode yes; commit")

    said = reboot(cluster, "FULL")

    assert "INSTALLER_FAILED: cannot install node002 (FULL): it is a data node" in said
    assert (cluster.root("node002") / "data").exists()


def test_an_image_without_a_tree_is_told(cluster: TreeCluster) -> None:
    cluster.type(
        "softwareimage add empty; commit; category use openstack-compute-hosts",
        "set softwareimage empty; commit",
    )

    assert "INSTALLER_FAILED: cannot install " in reboot(cluster, "AUTO")


def test_what_is_down_cannot_be_rebooted_and_is_installed_when_it_is_switched_on(
    cluster: TreeCluster,
) -> None:
    assert "power on starts what is down" in cluster.type("device reboot -n node003")
    assert cluster.session.output.failures == 1

    assert "node003 .................. [   ON   ]\n" in cluster.type("device power on -n node003")
    assert cluster.read("node003", "/etc/image") == "openstack-image\n"
    assert cluster.running("node003").image == "openstack-image"


def test_a_services_actions_are_refused_on_a_host_that_is_down(cluster: TreeCluster) -> None:
    events, failed = cluster.reach.service([("node001", "opensm")], "start")

    assert not events
    assert failed["node001", "opensm"].startswith("cannot start opensm on node001: it is DOWN")

# SPDX-License-Identifier: Apache-2.0
"""Images that are not all there: nobody is installed from them, and who cut a copy off is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.article import starting_state
from cluster.rollout.tree_cluster import TreeCluster, tree_cluster
from ibstack.cluster.rollout.image_copy import ImageCopying, TreeState, tree_state, unfinished

if TYPE_CHECKING:
    from ibstack.cluster.rollout.events import Event

COPYING = "software image one is still being copied; try again when that is done"
CUT_OFF = "software image one is copied in part only; the next commit"
WHOLE = "openstack-image\n"


@pytest.fixture
def cluster(tmp_path: Path) -> TreeCluster:
    """The article's, where node002 is to be installed from an image that is half copied."""
    cluster = tree_cluster(tmp_path, starting_state(), ("headnode", "node002"))
    cluster.type(
        "softwareimage clone openstack-image one; commit",
        "device use node002; set softwareimage one; commit; home",
    )
    tree = cluster.image("one")
    tree.rename(unfinished(tree))
    (unfinished(tree) / "etc" / "image").write_text("half")
    (unfinished(tree) / "left").write_text("")
    return cluster


@pytest.fixture
def somebody(cluster: TreeCluster) -> Iterator[ImageCopying]:
    """Another shell, at work on the copy."""
    somebody = ImageCopying(cluster.image("one"))
    assert somebody.claim()
    yield somebody
    somebody.close()


def image_of(cluster: TreeCluster) -> str:
    tree = cluster.image("one")
    assert not unfinished(tree).exists()
    assert not (tree / "left").exists()
    assert sorted(each.name for each in tree.parent.iterdir()) == [
        *("one", "openstack-image", "virtual-node-image")
    ]
    return (tree / "etc" / "image").read_text()


@pytest.mark.usefixtures("somebody")
def test_a_host_is_not_rebooted_into_an_image_that_is_being_copied(cluster: TreeCluster) -> None:
    said = cluster.type("device reboot -n node002")

    assert f"[error] node002: Reboot: {COPYING}" in said
    assert cluster.session.output.failures == 1
    assert cluster.reach.status(["node002"])["node002"].state == "UP"
    assert cluster.read("node002", "/etc/image") == WHOLE


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize("action", ["on", "reset"])
def test_power_says_so_before_anything_is_switched(cluster: TreeCluster, action: str) -> None:
    if action == "on":
        cluster.type("device power off -n node002")
    before = cluster.reach.status(["node002"])

    said = cluster.type(f"device power {action} -n node002")

    assert said.startswith(f"cannot power {action} node002: {COPYING}")
    assert cluster.reach.status(["node002"]) == before


@pytest.mark.usefixtures("somebody")
def test_what_somebody_copies_is_not_begun_by_another(cluster: TreeCluster) -> None:
    said = cluster.type("device set node001 revision mine; commit")

    assert "copy" not in said.lower()
    assert (unfinished(cluster.image("one")) / "left").exists()
    assert "still being copied" in cluster.type("device drift -n node002")


def test_a_copy_that_was_cut_off_is_seen(cluster: TreeCluster) -> None:
    for host in ("headnode", "node002"):
        said = cluster.type(f"device drift -n {host}")
        assert "software image one" in said
        assert "copied in part, then cut off" in said
    assert "cut off" not in cluster.type("device drift -n node003")
    assert f"[error] node002: Reboot: {CUT_OFF}" in cluster.type("device reboot -n node002")


def test_the_next_commit_begins_anew(cluster: TreeCluster) -> None:
    plan = cluster.type("device set node001 revision mine; commit --dry-run")
    said = cluster.type("commit")

    assert "copy /cm/images/openstack-image to /cm/images/one\n" in plan
    assert "Copied: /cm/images/openstack-image -> /cm/images/one\n" in said
    assert image_of(cluster) == WHOLE
    assert cluster.session.output.failures == 0
    assert "cut off" not in cluster.type("device drift -n headnode,node002")


def test_bring_begins_anew(cluster: TreeCluster) -> None:
    events: list[Event] = []
    cluster.reach.apply(["node002"], events.append)

    assert [event.text for event in events if "Copied" in event.text]
    assert image_of(cluster) == WHOLE


def test_a_copy_of_a_copy_that_was_cut_off_comes_from_what_is_there(cluster: TreeCluster) -> None:
    said = cluster.type("softwareimage clone one two; commit")

    assert "cannot" not in said
    assert (cluster.image("two") / "etc" / "image").read_text() == WHOLE


def test_a_copy_that_was_asked_for_and_never_begun_counts_as_cut_off(tmp_path: Path) -> None:
    tree = tmp_path / "images" / "one"
    asked = ImageCopying(tree)
    assert tree_state(tree) is TreeState.MISSING
    assert asked.claim()
    assert tree_state(tree) is TreeState.UNDER_WAY
    assert not ImageCopying(tree).claim()

    asked.close()

    assert tree_state(tree) is TreeState.CUT_OFF

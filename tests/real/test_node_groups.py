# SPDX-License-Identifier: Apache-2.0
"""pdsh, clush and nodeset see the groups of 1000 nodes the moment the files are written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ClusterShell.NodeSet import NodeSet

from cluster.shell.shells import new_store
from ibstack.cluster.config.render import files_of
from ibstack.cluster.config.render import node_groups as groups
from ibstack.cluster.config.write import apply_files, plan_files
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Draft, State
from ibstack.cluster.rollout.host_folder import HostFolder

OLD, NEW = "openstack-compute-hosts", "openstack-compute-hosts-mellanox"
MOVED = NodeSet("node[0002-0003,0500-0600]")


@pytest.fixture
def draft() -> Draft:
    """A head node and 1000 nodes in two categories, as committed; the second has none yet."""
    nodes = [
        Entity(EntityPath.of("device", name), "PhysicalNode", {"category": OLD})
        for name in NodeSet("node[0001-1000]")
    ]
    head = Entity(EntityPath.of("device", "headnode"), "HeadNode")
    categories = [Entity(EntityPath.of("category", name)) for name in (OLD, NEW)]
    return Draft(State([head, *nodes, *categories], 1))


def move(draft: Draft, nodes: NodeSet) -> None:
    for name in nodes:
        entity = draft.get(EntityPath.of("device", name))
        assert entity is not None
        draft.put(entity.with_value("category", NEW))


class Head:
    """The head node's files, and the real programs that read them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = HostFolder(root, lambda: datetime(2014, 10, 17, tzinfo=UTC))
        self.genders = root / "etc/genders"
        shell = root / "etc/clustershell"
        shell.mkdir(parents=True)
        (shell / "groups.conf").write_text("[Main]\nautodir: $CFGDIR/groups.d\n")
        self._shell = shell

    def commit(self, draft: Draft) -> None:
        apply_files(self._folder, plan_files(self._folder, files_of(draft, "headnode")))

    def run(self, *argv: str) -> str:
        program = shutil.which(argv[0]) or str(Path(sys.executable).with_name(argv[0]))
        if not Path(program).exists():
            pytest.skip(f"needs {argv[0]}: apt-get install pdsh genders")
        done = subprocess.run(
            [program, *argv[1:]],
            env={**os.environ, "CLUSTERSHELL_CFGDIR": str(self._shell), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def in_genders(self, query: str) -> NodeSet:
        return NodeSet.fromlist(self.run("nodeattr", "-f", str(self.genders), "-n", query).split())

    def in_group(self, group: str) -> NodeSet:
        return NodeSet(self.run("nodeset", "-f", group).strip())


@pytest.fixture
def head(tmp_path: Path) -> Head:
    return Head(tmp_path)


def test_a_move_is_seen_by_each_program_at_once(head: Head, draft: Draft) -> None:
    head.commit(draft)
    assert len(head.in_genders(f"category={OLD}")) == 1000
    assert len(head.in_group(f"@category:{OLD}")) == 1000

    move(draft, MOVED)
    head.commit(draft)

    assert head.in_genders(f"category={NEW}") == MOVED
    assert head.in_genders("computenode") == NodeSet("node[0001-1000]")
    assert head.in_genders("headnode") == NodeSet("headnode")
    assert head.in_group(f"@category:{NEW}") == MOVED
    assert head.in_group(f"@category:{OLD}") == NodeSet("node[0001-1000]") - MOVED
    assert head.in_group("@type:all") == NodeSet("headnode,node[0001-1000]")
    assert head.run("nodeset", "-s", "category", "-l").split() == [
        f"@category:{OLD}",
        f"@category:{NEW}",
    ]


def test_pdsh_and_clush_run_on_the_nodes_of_a_category(head: Head, draft: Draft) -> None:
    wanted = NodeSet("node[0002-0003]")
    move(draft, wanted)
    head.commit(draft)
    genders = str(head.genders)

    by_pdsh = head.run("pdsh", "-R", "exec", "-F", genders, "-g", f"category={NEW}", "echo", "%h")
    by_clush = head.run("clush", "-R", "exec", "-N", "-w", f"@category:{NEW}", "echo", "%h")

    assert NodeSet.fromlist(line.split()[-1] for line in by_pdsh.splitlines()) == wanted
    assert NodeSet.fromlist(by_clush.split()) == wanted


def test_a_node_group_is_seen_the_moment_the_shell_has_committed_it(
    head: Head, tmp_path: Path
) -> None:
    settings = tmp_path / "cluster.conf"
    shell = tmp_path / "etc/clustershell/groups.d/ibstack.yaml"
    settings.write_text(
        f"[store]\nurl = sqlite:///{new_store(tmp_path)}\n"
        f"[hosts]\nreach = tree:{tmp_path / 'hosts'}\n"
        f"[groups]\ngenders = {head.genders}\nclustershell = {shell}\n"
    )
    ibstack = ("ibstack", "shell", "--config", str(settings), "-q", "-c")
    genders = str(head.genders)
    pdsh = ("pdsh", "-R", "exec", "-F", genders, "-g", "gpu", "echo", "%h")

    for enter, members in (
        ("add gpu; set nodes node002..node003", NodeSet("node[002-003]")),
        ("use gpu; set nodes node001 vnode001..vnode012", NodeSet("node001,vnode[001-012]")),
    ):
        head.run(*ibstack, f"nodegroup; {enter}; commit")

        assert (
            NodeSet.fromlist(line.split()[-1] for line in head.run(*pdsh).splitlines()) == members
        )
        assert head.in_group("@nodegroup:gpu") == members
        by_clush = head.run(
            "clush", "-R", "exec", "-N", "-w", "@nodegroup:gpu,headnode", "echo", "%h"
        )
        assert NodeSet.fromlist(by_clush.split()) == members | NodeSet("headnode")

    head.run(*ibstack, "nodegroup; remove gpu; commit")

    assert head.in_genders("gpu") == NodeSet()
    assert head.run("nodeset", "-s", "nodegroup", "-l") == ""


def test_what_admins_have_in_genders_is_read_too(head: Head, draft: Draft) -> None:
    head.genders.write_text("switch1 switches\nnode0001 rack=7\n")
    head.commit(draft)

    assert head.in_genders("switches") == NodeSet("switch1")
    assert head.in_genders("rack=7&&computenode") == NodeSet("node0001")


def test_nodeattr_rejects_a_file_that_is_none(head: Head) -> None:
    head.genders.write_text("node0001 a,a\n")

    with pytest.raises(AssertionError):
        head.in_genders("a")


def test_groups_without_nodes_and_names_like_numbers_are_well(head: Head) -> None:
    categories = [Entity(EntityPath.of("category", name)) for name in ("empty", "0123", "yes")]
    nodes = [
        Entity(EntityPath.of("device", f"node{name}"), "VirtualNode", {"category": name})
        for name in ("0123", "yes")
    ]
    headnode = Entity(EntityPath.of("device", "headnode"), "HeadNode", {"category": "0123"})
    draft = Draft(State([headnode, *categories, *nodes], 1))
    head.commit(draft)

    assert head.in_group("@category:0123") == NodeSet("node0123")
    assert head.in_group("@category:yes") == NodeSet("nodeyes")
    assert head.in_group("@category:empty") == NodeSet()
    assert head.in_genders("category=0123") == NodeSet("node0123")
    assert "headnode all,headnode\n" in groups.genders(draft)

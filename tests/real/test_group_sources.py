# SPDX-License-Identifier: Apache-2.0
"""ClusterShell is the judge of our group sources beside a site's own, whatever file these are in.

It is asked in this process, as nodeset and clush ask it, and once by nodeset itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from configparser import Error as NotIni
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from ClusterShell.NodeUtils import (
    GroupResolverConfig,
    GroupResolverError,
    GroupResolverSourceError,
    GroupSourceError,
)

from ibstack.cluster.config.group_sources import read_sources
from ibstack.cluster.config.render import files_of
from ibstack.cluster.config.render.node_groups import CLUSTERSHELL_PATH
from ibstack.cluster.config.write import apply_files, plan_files
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import State
from ibstack.cluster.rollout.host_folder import HostFolder

NODESET = Path(sys.executable).with_name("nodeset")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not NODESET.exists(), reason="needs nodeset: install ClusterShell"),
]

MAIN = "[Main]\nconfdir: $CFGDIR/groups.conf.d\nautodir: $CFGDIR/groups.d\n"
STATE = State(
    [
        Entity(EntityPath.of("device", "headnode"), "HeadNode"),
        Entity(EntityPath.of("category", "default")),
        Entity(EntityPath.of("device", "node001"), "PhysicalNode", {"category": "default"}),
        Entity(EntityPath.of("nodegroup", "gpu"), "", {"nodes": ("node001",)}),
    ],
    1,
)
OF_YAML = {
    "one of ours": "category:\n  x: node009\n",
    "all of ours": "category: {}\ntype: {}\nnodegroup: {}\n",
    "others": "racks:\n  r1: node[001-002]\n",
    "numbers in quotes": 'racks:\n  "1": node001\n',
    "a number as a group": "racks:\n  1: node001\n",
    "a number as a source": "1:\n  a: node001\n",
    "yes as a group": "racks:\n  yes: node001\n",
    "a date as a group": "racks:\n  2014-10-17: node001\n",
    "a list": "- racks\n",
    "nothing": "",
    "a source without groups": "racks:\n",
    "a group without nodes": "racks:\n  r1:\n",
    "no YAML": "racks: [\n",
    "a tab": "racks:\n\tr1: node001\n",
    "a tag": "racks: !!python/none\n",
}
OF_INI = {
    "one of ours": "[type]\nmap: echo node009\n",
    "grouped sections": "[racks,nodegroup]\nmap: echo node009\n",
    "others": "[racks]\nmap: echo node001\nlist: echo r1\n",
    "a section twice": "[racks]\nmap: a\n[racks]\nmap: b\n",
    "no map": "[racks]\nlist: echo\n",
    "no section": "map: echo\n",
    "a percent sign": "[racks]\nmap: printf %s node001\n",
}


class Head:
    """The head node's ClusterShell, and nodeset."""

    def __init__(self, root: Path) -> None:
        self.shell = root / "etc/clustershell"
        for folder in ("groups.d", "groups.conf.d"):
            (self.shell / folder).mkdir(parents=True)
        (self.shell / "groups.conf").write_text(MAIN)
        self._folder = HostFolder(root, lambda: datetime(2014, 10, 17, tzinfo=UTC))

    def commit(self) -> str:
        path = PurePosixPath(CLUSTERSHELL_PATH)
        files = {path: files_of(STATE, "headnode")[path]}
        events = apply_files(self._folder, plan_files(self._folder, files))
        return "\n".join(text for event in events for text, _ in event.messages())

    def nodes(self, source: str, group: str) -> list[str]:
        """Return the nodes of a group; Unresolved where ClusterShell finds no group at all."""
        resolver = GroupResolverConfig([str(self.shell / "groups.conf")])
        try:
            found: list[str] = resolver.group_nodes(group, source)
        except (GroupSourceError, GroupResolverSourceError):
            raise
        except (GroupResolverError, NotIni, ValueError) as error:
            raise Unresolved(str(error)) from error
        return found


class Unresolved(Exception):
    """Why no group resolves."""


@pytest.fixture
def head(tmp_path: Path) -> Head:
    return Head(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("groups.d/site.yaml", text) for text in OF_YAML.values()]
    + [("groups.conf.d/site.conf", text) for text in OF_INI.values()],
    ids=[*OF_YAML, *(f"ini: {each}" for each in OF_INI)],
)
def test_what_we_read_of_a_file_is_what_nodeset_does(head: Head, name: str, text: str) -> None:
    (head.shell / name).write_text(text)

    found = read_sources(PurePosixPath(name), text.encode())

    try:
        head.nodes("racks", "r1")
    except GroupResolverSourceError:
        assert "racks" not in found.names
    except Unresolved:
        assert found.fault
        return
    assert not found.fault
    for source in found.names:
        head.nodes(source, "x")


@pytest.mark.parametrize(
    ("name", "text", "ours"),
    [
        ("groups.d/site.yaml", OF_YAML["one of ours"], "type nodegroup"),
        ("groups.d/site.yaml", OF_YAML["all of ours"], ""),
        ("groups.d/site.yaml", OF_YAML["others"], "category type nodegroup"),
        ("groups.conf.d/site.conf", OF_INI["one of ours"], "category nodegroup"),
        ("groups.conf.d/site.conf", OF_INI["grouped sections"], "category type"),
        ("groups.conf", MAIN + OF_INI["one of ours"], "category nodegroup"),
        ("groups.d/.hidden.yaml", OF_YAML["one of ours"], "category type nodegroup"),
        ("groups.d/site.yml", OF_YAML["one of ours"], "category type nodegroup"),
        ("groups.conf.d/site.conf.example", OF_INI["one of ours"], "category type nodegroup"),
    ],
)
def test_groups_resolve_beside_a_sites_own(head: Head, name: str, text: str, ours: str) -> None:
    (head.shell / name).write_text(text)

    said = head.commit()

    groups = {"category": "default", "type": "computenode", "nodegroup": "gpu"}
    for source, group in groups.items():
        nodes = head.nodes(source, group)
        if source in ours.split():
            assert nodes == ["node001"]
        else:
            assert f"group source {source}: wanted as generated, but" in said
            assert f"/{name} has one too" in said
    assert ("wanted" in said) == (len(ours.split()) < len(groups))


def test_folders_that_groups_conf_does_not_name_do_not_count(head: Head) -> None:
    (head.shell / "groups.conf").write_text("[Main]\nconfdir: /x\nautodir: $CFGDIR/groups.d\n")
    (head.shell / "groups.conf.d/site.conf").write_text(OF_INI["one of ours"])

    assert "wanted" not in head.commit()
    assert head.nodes("type", "computenode") == ["node001"]


def test_a_file_that_ends_all_look_ups_is_named(head: Head) -> None:
    (head.shell / "groups.d/site.yaml").write_text(OF_YAML["a number as a group"])

    assert "site.yaml lets ClusterShell find no group at all: the name of group 1" in head.commit()
    with pytest.raises(Unresolved):
        head.nodes("category", "default")


def test_without_the_look_no_group_resolves_and_nodeset_says_so(head: Head) -> None:
    head.commit()
    (head.shell / "groups.d/site.yaml").write_text(OF_YAML["one of ours"])
    assert "name collision" in nodeset(head)

    assert "group source category" in head.commit()
    assert nodeset(head) == "node001"

    (head.shell / "groups.d/site.yaml").unlink()
    assert "wanted" not in head.commit()
    assert head.nodes("category", "default") == ["node001"]


def nodeset(head: Head) -> str:
    env = {**os.environ, "CLUSTERSHELL_CFGDIR": str(head.shell), "HOME": str(head.shell)}
    argv = [str(NODESET), "-f", "@nodegroup:gpu"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    said: str = done.stdout + done.stderr
    return said.strip()

# SPDX-License-Identifier: Apache-2.0
"""Groups are written where the settings say, and ClusterShell's own program sees them."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cluster.article import starting_state
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.state import Change
from ibstack.cluster.rollout.group_files import write_groups
from ibstack.cluster.rollout.settings import Settings

NODESET = str(Path(sys.executable).with_name("nodeset"))


def test_a_move_is_seen_at_once_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    genders, groups = tmp_path / "genders", tmp_path / "groups.d" / "ibstack.yaml"
    settings = replace(Settings(), genders=genders, clustershell=groups)
    genders.write_text("printer1 printers\n")
    state = starting_state()
    write_groups(state, settings, lambda: datetime.now(UTC))
    path = EntityPath.of("device", "node002")
    node = state.get(path)
    assert node is not None
    moved = node.with_value("category", "openstack-network-nodes")

    after = state.with_changes([Change(path, node, moved)], 2)
    written = write_groups(after, settings, lambda: datetime.now(UTC))

    assert [event.failed for event in written] == ["", ""]
    text = genders.read_text()
    assert text.startswith("printer1 printers\n")
    assert "node002 all,category=openstack-network-nodes,computenode\n" in text
    assert nodes(tmp_path, "openstack-network-nodes") == "node[001-002]"
    assert nodes(tmp_path, "openstack-compute-hosts") == "node003"
    assert not write_groups(after, settings, lambda: datetime.now(UTC))


def test_what_stands_on_this_machine_is_read_as_on_the_head_node(tmp_path: Path) -> None:
    genders, groups = tmp_path / "genders", tmp_path / "groups.d" / "ibstack.yaml"
    settings = replace(Settings(), genders=genders, clustershell=groups)
    genders.write_text("node002 all,category=old\n")
    (tmp_path / "groups.conf").write_text("[Main]\n[nodegroup]\nmap: echo\n")

    written = write_groups(starting_state(), settings, lambda: datetime.now(UTC))

    told = [
        text for event in written for text, severity in event.messages() if severity == "warning"
    ]
    assert len(told) == 2
    assert "line 1 gives category=old" in told[0]
    assert f"{tmp_path}/groups.conf has one too" in told[1]
    assert "\nnode002 computenode\n" in genders.read_text()
    assert "nodegroup:" not in groups.read_text()


def test_nothing_is_written_where_the_settings_name_nothing() -> None:
    assert not write_groups(starting_state(), Settings(), lambda: datetime.now(UTC))


def nodes(folder: Path, category: str) -> str:
    (folder / "groups.conf").write_text(f"[Main]\ndefault: category\nautodir: {folder}/groups.d\n")
    done = subprocess.run(
        [NODESET, "-f", f"@{category}"],
        env={**os.environ, "CLUSTERSHELL_CFGDIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()

# SPDX-License-Identifier: Apache-2.0
"""Files of several hosts, by the cluster's way to them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ibstack.cluster.rollout.tree import TreeHosts
from ibstack.facts.remote_hosts import read_hosts
from ibstack.facts.site import Site
from ibstack.verify.check import State
from ibstack.verify.registry import Scope, verify
from ibstack.verify.report import entries
from verify.faults import SITE

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.verify.check import Check


def tree(folder: Path, *names: str) -> TreeHosts:
    """Return hosts with the recorded site's files; they are up."""
    for name in names:
        shutil.copytree(SITE / name / "etc", folder / name / "root/etc")
        cmdline = (SITE / name / "proc/cmdline") if name == "node002" else None
        (folder / name / "state.json").write_text(
            json.dumps(
                {
                    "state": "UP",
                    "image": None,
                    "kernel_command_line": cmdline and cmdline.read_text(),
                    "services": {},
                }
            )
        )
    return TreeHosts(folder, lambda: datetime(2026, 3, 2, tzinfo=UTC))


def of(checks: list[Check], id: str) -> list[tuple[str, State]]:
    return [(each.host, each.state) for each in checks if each.id == id]


def test_the_files_of_both_subnet_managers_are_compared(tmp_path: Path) -> None:
    hosts = tree(tmp_path, "head", "node001")
    (tmp_path / "node001/root/etc/opensm/partitions.conf").unlink()

    checks = verify(Site(read_hosts(hosts, ["head", "node001"])), [Scope.FABRIC])

    assert of(checks, "partitions-present") == [("head", State.OK), ("node001", State.FAILED)]
    assert entries(checks)[0].check.id == "partitions-present"


def test_a_host_is_judged_by_its_files_and_what_commands_show_is_not_known(tmp_path: Path) -> None:
    checks = verify(Site(read_hosts(tree(tmp_path, "node002"), ["node002"])), [Scope.HOST])

    assert of(checks, "iommu-asked") == [("node002", State.OK)]
    assert of(checks, "module-options") == [("node002", State.OK)]
    assert of(checks, "vf-count") == [("node002", State.NOT_KNOWN)]


def test_of_hosts_that_are_down_nothing_is_known_and_they_are_one_line(tmp_path: Path) -> None:
    hosts = tree(tmp_path)

    checks = verify(Site(read_hosts(hosts, ["node002", "node003"])), [Scope.HOST])

    assert {each.state for each in checks} == {State.NOT_KNOWN}
    assert "node[002-003]" in entries(checks)[0].line()

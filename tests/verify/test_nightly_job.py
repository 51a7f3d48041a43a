# SPDX-License-Identifier: Apache-2.0
"""The job that the how-to has run every night ends with 0 where all holds, and only there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ibstack.cli.verify import VerifyFabric
from ibstack.cluster.rollout.tree import TreeHosts
from ibstack.cluster.shell.node_list import expand
from ibstack.facts.collection import load, save
from ibstack.facts.remote_hosts import read_hosts
from ibstack.facts.site import Site
from ibstack.verify.registry import Scope, verify
from ibstack.verify.report import exit_status
from verify.faults import SITE

HOW_TO = Path(__file__).parents[2] / "docs/how-to/verify-a-site.md"
_, _, NIGHT = HOW_TO.read_text().partition("**5. Every night.**")
LINES = [shlex.split(line) for line in re.findall(r"^# (.*ibstack verify .*)$", NIGHT, re.M)]
WHOLE = load(SITE)


def after(option: str) -> str:
    """Return the value of an option in the line that has it."""
    (line,) = [line for line in LINES if option in line]
    return line[line.index(option) + 1]


def by_the_clusters_way(folder: Path, hosts: str) -> Site:
    """Return what `verify fabric --hosts` looks at, with the recorded fabric."""
    names = expand(hosts)
    for name in names:
        for part in ("etc", "var"):
            if (SITE / name / part).is_dir():
                shutil.copytree(SITE / name / part, folder / name / "root" / part)
        up: dict[str, Any] = {
            "state": "UP",
            "image": None,
            "kernel_command_line": None,
            "services": {},
        }
        (folder / name / "state.json").write_text(json.dumps(up))
    tree = TreeHosts(folder, lambda: datetime(2026, 3, 2, tzinfo=UTC))
    return Site(read_hosts(tree, names), WHOLE.fabric)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_each_line_is_one_that_the_command_takes(line: list[str]) -> None:
    words = line[line.index("fabric") + 1 : line.index(">")]

    command = VerifyFabric(None, None)  # type: ignore[arg-type]
    command.get_parser("ibstack verify fabric").parse_args(words)


def test_by_the_clusters_way_it_ends_with_0(tmp_path: Path) -> None:
    site = by_the_clusters_way(tmp_path, after("--hosts"))

    assert exit_status(verify(site, [Scope.FABRIC])) == 0


def test_with_a_shared_folder_it_ends_with_0(tmp_path: Path) -> None:
    for name in expand(after("-w")):
        save(Site({name: WHOLE.hosts[name]}, WHOLE.fabric), tmp_path)

    assert after("--write") == after("--from")
    assert exit_status(verify(load(tmp_path), [Scope.FABRIC])) == 0


@pytest.mark.parametrize("alone", ["head", "node001"])
def test_of_one_host_alone_it_is_not_known(alone: str, tmp_path: Path) -> None:
    assert exit_status(verify(by_the_clusters_way(tmp_path, alone), [Scope.FABRIC])) == 4


def test_a_standby_with_another_file_is_found(tmp_path: Path) -> None:
    site = by_the_clusters_way(tmp_path, after("--hosts"))
    standby = site.hosts["node001"]
    name = "etc/opensm/partitions.conf"
    texts = {**standby.texts, name: f"{standby.texts[name]}# Another.\n"}

    other = replace(site, hosts={**site.hosts, "node001": replace(standby, texts=texts)})

    assert exit_status(verify(other, [Scope.FABRIC])) == 3

# SPDX-License-Identifier: Apache-2.0
"""A dry run where no way to the hosts is set tells what they would get all the same."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from cluster.article import starting_state
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.rollout.host_changes import host_changes, planned_unseen
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import Store, open_store

if TYPE_CHECKING:
    from pathlib import Path

NOTE = "Hosts were not looked at"
CHANGES = (
    "category use openstack-compute-hosts; set kernelparameters intel_iommu=on; "
    "roles; use openstacknode; set configfilemodifications "
    '"+/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini[vlans]a=1"; home'
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(f"sqlite:///{tmp_path / 'cluster.db'}")
    state = starting_state()
    made.commit([Change(each.path, None, each) for each in state], base=State(), author="test")
    return made


def said(store: Store, line: str) -> str:
    out = io.StringIO()
    assert Session(store, COMMANDS, author="root", out=out).run(line), out.getvalue()
    return out.getvalue()


def test_nodes_files_and_restarts_are_named(store: Store) -> None:
    told = said(store, f"{CHANGES}; commit --dry-run").splitlines()

    path = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
    assert f"node[002-003]: write {path}" in told
    assert any("restart-required: " in line and "kernel parameters" in line for line in told), told
    assert any(line.startswith(NOTE) for line in told)
    assert store.load().revision == 1


def test_a_program_gets_the_same_lines(store: Store) -> None:
    told = said(store, f"{CHANGES}; commit --dry-run").splitlines()

    answer = json.loads(said(store, f"{CHANGES}; commit --dry-run -f json"))

    assert answer["hosts"]
    assert set(answer["hosts"]) < set(told)


def test_what_means_nothing_to_hosts_is_not_told_of_them(store: Store) -> None:
    told = said(store, "category use openstack-compute-hosts; set notes x; commit --dry-run")

    assert NOTE not in told


def test_each_change_of_a_host_is_told_once() -> None:
    before = starting_state()
    after = before.with_changes(
        [Change(each.path, each, None) for each in before if each.path.kind == "services"], 2
    )
    changes = host_changes(before, after)

    told = planned_unseen(before, after)

    assert len(told) == len(set(told))
    stopped = {name for change in changes for name in change.stop}
    assert {line.split(": stop ")[1] for line in told if ": stop " in line} == stopped

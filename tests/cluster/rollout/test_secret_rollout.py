# SPDX-License-Identifier: Apache-2.0
"""A secret comes to its hosts with a commit, and to nobody's screen or store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cluster.broker_cluster import COMPUTE, HEAD, SECRETS, broker_cluster
from cluster.rollout.tree_cluster import tree_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.rollout.tree_cluster import TreeCluster

AGENT, KEY = "/etc/ibstack/agent.conf", "/etc/ibstack/answer.key"
USE = "home; partition use base; broker"
NODES = f"{USE}; set nodes ctrl1 ctrl2; commit"


@pytest.fixture
def cluster(tmp_path: Path) -> TreeCluster:
    """Hosts that are up, in a cluster whose broker's nodes and key are not yet set."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    draft = broker_cluster(folder, nodes=(), answerkeyfile="")
    made = tree_cluster(tmp_path, draft, (HEAD, COMPUTE))
    assert "ibstack-compute" not in made.read(COMPUTE, AGENT)
    return made


def secret(cluster: TreeCluster, name: str) -> Path:
    return cluster.folder / "secrets" / name


def test_a_commit_brings_each_secret_to_its_hosts_alone(cluster: TreeCluster) -> None:
    key = secret(cluster, "answerkeyfile")
    lines = (f"{USE}; set nodes ctrl1; set answerkeyfile {key}",)
    said = cluster.type(*lines, "commit --dry-run", "show", "commit", "history", "device drift")

    assert "ibstack-compute:p%40ss" in cluster.read(COMPUTE, AGENT)
    assert cluster.read(HEAD, KEY).endswith(f"\n{SECRETS['answerkeyfile']}\n")
    assert (cluster.root(HEAD) / KEY[1:]).stat().st_mode & 0o777 == 0o600
    assert not (cluster.root(COMPUTE) / KEY[1:]).exists()
    assert "create /etc/ibstack/answer.key" in said
    assert not [each for each in (*SECRETS.values(), "p%40ss") if each in said]
    stored = (cluster.folder / "cluster.db").read_bytes()
    assert not [each for each in SECRETS.values() if each.encode() in stored]


def test_a_file_that_comes_to_hold_a_secret_is_narrowed_and_that_is_told(
    cluster: TreeCluster,
) -> None:
    agent = cluster.root(COMPUTE) / AGENT[1:]
    agent.chmod(0o644)

    said = cluster.type(f"{USE}; set exchange neutron2; commit")
    assert "narrowed" not in said
    assert agent.stat().st_mode & 0o777 == 0o644
    said = cluster.type(NODES)

    assert "ibstack-compute" in cluster.read(COMPUTE, AGENT)
    assert agent.stat().st_mode & 0o777 == 0o600
    how = "narrowed from 0644 to 0600, for it holds a secret"
    assert f"[warning] {COMPUTE}: replace {AGENT}; {how}" in said


def test_a_secret_that_changes_is_seen_by_drift_and_brought_by_bring(cluster: TreeCluster) -> None:
    key = secret(cluster, "answerkeyfile")
    cluster.type(f"{USE}; set nodes ctrl1; set answerkeyfile {key}; commit")
    key.write_text("f" * 40)
    secret(cluster, "agentpasswordfile").write_text("new-one")

    drift = cluster.type(f"device drift -n {COMPUTE},{HEAD}")
    plan = cluster.type(f"{USE}; set exchange neutron2; commit --dry-run; refresh")
    events: list[str] = []
    cluster.reach.apply([COMPUTE, HEAD], lambda event: events.append(str(event)))

    assert f"{AGENT}: [DEFAULT]transport_url" in drift or AGENT in drift
    assert "new-one" not in drift + plan + "".join(events)
    assert "ffff" not in drift + plan + "".join(events)
    assert "ibstack-compute:new-one@ctrl1" in cluster.read(COMPUTE, AGENT)
    assert "f" * 40 in cluster.read(HEAD, KEY)


def test_a_file_whose_secret_is_not_there_is_told_and_the_others_are_brought(
    cluster: TreeCluster,
) -> None:
    os.unlink(secret(cluster, "agentpasswordfile"))

    said = cluster.type(NODES)

    why = f"cannot use the secret in {secret(cluster, 'agentpasswordfile')}: No such file"
    assert f"[error] {COMPUTE}: {AGENT}: {why}" in said
    assert "ibstack-compute" not in cluster.read(COMPUTE, AGENT)
    assert "ibstack-fabricd:of-fabricd@ctrl1" in cluster.read(HEAD, "/etc/ibstack/fabricd.conf")
    assert cluster.session.output.failures == 1

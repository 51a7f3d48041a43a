# SPDX-License-Identifier: Apache-2.0
"""The files of a host, what their keys follow from, and what is wrong in a cloud's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.article import starting_state
from cluster.lint.cloud_folders import article
from ibstack.cluster.model.state import State
from ibstack.cluster.store.store import open_store
from ibstack.cluster.text_file.plan import changes_to
from ibstack.fabric.errors import BadInput
from ibstack.views.cluster import Cluster
from ibstack.views.cluster_files import files, lint, origins

if TYPE_CHECKING:
    from pathlib import Path

ML2 = "/etc/neutron/plugins/ml2/ml2_conf.ini"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    store = open_store(f"sqlite:///{tmp_path}/cluster.db")
    store.commit(changes_to(State(), starting_state()), base=store.load(), author="somebody")
    return Cluster(store, None)


def test_files_of_a_host_are_listed_with_what_they_follow_from(cluster: Cluster) -> None:
    (ml2,) = [each for each in files(cluster, "master") if str(each.path) == ML2]
    (ranges,) = [
        each
        for each in origins(cluster, "headnode")
        if each.key == "[ml2_type_vlan]network_vlan_ranges"
    ]

    assert "neutron-server" in ml2.services
    assert str(ranges.path) == ML2
    assert "fabric/ibhostnet: key range" in ranges.origin


def test_a_device_that_is_not_there_is_named(cluster: Cluster) -> None:
    for listed in (files, origins):
        with pytest.raises(BadInput, match="there is no such device"):
            listed(cluster, "node099")


def test_lint_finds_what_collected_files_contradict_with_a_remedy(tmp_path: Path) -> None:
    rows = lint(None, article(tmp_path / "collected"))

    assert {"ranges-differ", "default-partition-open", "partition-open"} == {
        each.id for each in rows
    }
    assert all(each.breaks and each.remedy for each in rows)


def test_lint_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="add --host-files DIR"):
        lint(None, None)
    with pytest.raises(BadInput, match="cannot read the hosts' files in"):
        lint(None, tmp_path / "none")

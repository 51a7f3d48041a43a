# SPDX-License-Identifier: Apache-2.0
"""`ibstack cluster …` as a person types it: its answers, its messages, its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.article import starting_state
from cluster.lint.cloud_folders import article
from command_line import Answer, ibstack
from ibstack.cluster.model.state import State
from ibstack.cluster.store.store import open_store
from ibstack.cluster.text_file.plan import changes_to
from ibstack.cluster.text_file.schema import schema
from ibstack.cluster.text_file.writing import export

if TYPE_CHECKING:
    from pathlib import Path


class Cluster:
    """A store of its own in *folder*, with hosts that are folders, and the article's cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "cluster.yaml"
        self.file.write_text(export(starting_state()))
        self.settings = folder / "cluster.conf"
        self.url = f"sqlite:///{folder}/cluster.db"
        reach = f"[hosts]\nreach = tree:{folder}/hosts\nimages = {folder}/images\n"
        self.settings.write_text(f"[store]\nurl = {self.url}\n{reach}")

    def run(self, *arguments: str, status: int = 0, given: str = "") -> Answer:
        config = () if arguments[0] == "schema" else ("--config", str(self.settings))
        done = ibstack("cluster", *arguments, *config, given=given)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def rows(self, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(
            self.run(*arguments, "-f", "json", status=status).stdout
        )
        return rows

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new, 1))


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture
def applied(cluster: Cluster) -> Cluster:
    store = open_store(cluster.url)
    store.commit(changes_to(State(), starting_state()), base=store.load(), author="somebody")
    return cluster


def test_a_new_cluster_is_made_from_a_file(cluster: Cluster) -> None:
    assert "+ fabric/ibhostnet\n" in cluster.run("plan", str(cluster.file), status=3).stdout
    assert "+ fabric/ibhostnet\n" in cluster.run("apply", str(cluster.file)).stdout
    assert cluster.run("export", "-").stdout == cluster.file.read_text()


def test_what_is_applied_is_exported_again_and_planned_no_more(applied: Cluster) -> None:
    assert applied.run("export", "-").stdout == applied.file.read_text()
    planned = applied.run("plan", "-", given=applied.file.read_text())
    assert planned.stdout == "The cluster is as the file says\n"
    other = applied.folder / "other.yaml"
    applied.run("export", str(other))
    assert other.read_text() == applied.file.read_text()


def test_a_plan_shows_what_differs_and_an_undo_takes_it_back(applied: Cluster) -> None:
    before = applied.file.read_text()
    applied.edit(
        "keyrange: 1:10" if "keyrange: 1:10" in before else 'keyrange: "1:10"', "mtu: '4092'"
    )
    planned = applied.run("plan", str(applied.file), status=3).stdout
    assert "fabric/ibhostnet\n" in planned
    assert "    mtu: 4092\n" in planned

    applied.run("apply", str(applied.file))
    assert applied.run("plan", str(applied.file)).returncode == 0
    history = applied.rows("history")
    assert [each["number"] for each in history] == [2, 1]
    assert history[0]["objects"] == ["fabric/ibhostnet"]
    assert "    mtu: 4092 -> unset\n" in applied.run("undo", "2").stdout
    assert applied.run("export", "-").stdout == before
    assert "there is no such commit" in applied.run("undo", "9", status=2).stderr


def test_faults_are_told_with_line_and_column_and_nothing_is_done(applied: Cluster) -> None:
    before = applied.run("export", "-").stdout
    applied.edit("softwareimage: openstack-image", "softwareimag: openstack-image")
    done = applied.run("apply", str(applied.file), status=2)

    assert f"cannot read the cluster file {applied.file}:" in done.stderr
    assert "did you mean softwareimage?" in done.stderr
    assert applied.run("export", "-").stdout == before


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_file_that_is_not_there_is_told_in_one_line(cluster: Cluster, verb: str) -> None:
    done = cluster.run(verb, "/nowhere/x.yaml", status=2)

    assert done.stderr.count("\n") == 1
    assert "cannot read the cluster file /nowhere/x.yaml: No such file" in done.stderr


def test_the_schema_is_printed(cluster: Cluster) -> None:
    assert json.loads(cluster.run("schema").stdout) == schema()


def test_lint_finds_what_the_articles_files_contradict(applied: Cluster) -> None:
    folder = str(article(applied.folder / "collected"))
    rows = applied.rows("lint", "--host-files", folder, "--files-only", status=3)

    assert {"ranges-differ", "default-partition-open", "partition-open"} == {
        each["id"] for each in rows
    }
    assert all(each["breaks"] and each["remedy"] for each in rows)
    table = applied.run("lint", "--host-files", folder, status=3).stdout
    assert "remedy" in table
    assert "breaks" not in table


def test_lint_says_nothing_of_nothing(cluster: Cluster) -> None:
    assert cluster.rows("lint") == []


def test_files_of_a_host_are_listed_with_what_they_follow_from(applied: Cluster) -> None:
    path = "/etc/neutron/plugins/ml2/ml2_conf.ini"
    files = {each["path"]: each for each in applied.rows("files", "master")}
    origins = applied.rows("files", "headnode", "--origin")

    assert "neutron-server" in files[path]["services"]
    ranges = next(each for each in origins if each["key"] == "[ml2_type_vlan]network_vlan_ranges")
    assert ranges["path"] == path
    assert "fabric/ibhostnet: key range" in ranges["origin"]
    assert "there is no such device" in applied.run("files", "node099", status=2).stderr


def test_drift_is_what_hosts_have_otherwise(applied: Cluster) -> None:
    rows = applied.rows("drift", "node001", status=3)

    assert rows == [{"host": "node001", "what": "state", "wanted": "UP", "found": "DOWN"}]


def test_drift_without_a_way_to_the_hosts_is_refused(applied: Cluster) -> None:
    text = applied.settings.read_text()
    applied.settings.write_text(text[: text.index("[hosts]")])

    assert "hosts are not reached from here" in applied.run("drift", status=1).stderr


def test_hosts_are_brought_what_they_missed(applied: Cluster) -> None:
    host = applied.folder / "hosts/node002"
    (host / "root").mkdir(parents=True)
    (host / "state.json").write_text('{"state": "UP"}')

    said = applied.run("bring", "node[001-002]").stderr

    assert " [info] node001: not up: it gets this commit when it starts\n" in said
    assert " [info] node002: create /etc/" in said
    assert (host / "root/etc/neutron").is_dir()
    assert "no such device" in applied.run("bring", "node099", status=2).stderr


def test_the_shells_drift_ends_as_drift_does(applied: Cluster) -> None:
    def shell(*commands: str) -> int:
        words = ("--config", str(applied.settings), "-c", "\n".join(commands))
        return ibstack("shell", *words).returncode

    assert shell("drift -n node001") == 3
    assert shell("drift -n node001 -f json", "device get node001 bogus") == 1
    assert shell("drift -n node099") == 1
    assert shell("device list") == 0


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_what_may_be_meant_otherwise_is_told_and_does_not_hinder(
    applied: Cluster, verb: str
) -> None:
    applied.edit("fabric:\n", "fabric:\n  other: {keyrange: '1:9'}\n")

    done = applied.run(verb, str(applied.file), status=3 if verb == "plan" else 0)

    told = "ibstack: warning: fabric other: Subnet managers: nothing manages it"
    assert done.stderr.splitlines()[0] == told

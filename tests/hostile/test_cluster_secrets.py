# SPDX-License-Identifier: Apache-2.0
"""A password among config file modifications reaches the host's file, and nobody's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.article import starting_state
from command_line import ibstack
from ibstack.cluster.model.state import State
from ibstack.cluster.store.store import open_store
from ibstack.cluster.text_file.plan import changes_to

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"
FILE = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
ROLE = "category; use openstack-compute-hosts; roles; use openstacknode"


def setting(value: str) -> str:
    items = (f"+{FILE}[agent]x_password={value}", f"+{FILE}[agent]url=http://u:{value}@h/")
    return "; ".join(f"append configfilemodifications {item}" for item in items)


class Site:
    """A cluster with one host that is up, node002."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "cluster.conf"
        url = f"sqlite:///{folder}/cluster.db"
        self.settings.write_text(f"[store]\nurl = {url}\n[hosts]\nreach = tree:{folder}/hosts\n")
        self.host = folder / "hosts/node002"
        (self.host / "root").mkdir(parents=True)
        (self.host / "state.json").write_text('{"state": "UP"}')
        store = open_store(url)
        store.commit(changes_to(State(), starting_state()), base=store.load(), author="somebody")

    def run(self, *words: str) -> str:
        done = ibstack(*words, "--config", str(self.settings))
        return done.stdout + done.stderr

    def shell(self, commands: str) -> str:
        return self.run("shell", "-c", commands)

    @property
    def file(self) -> Path:
        return self.host / f"root{FILE}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("site"))
    said = made.shell(f"{ROLE}; {setting(SECRET)}; commit")
    assert "Successfully committed" in said
    assert SECRET not in said
    assert made.file.read_text().count(SECRET) == 2
    return made


@pytest.mark.parametrize(
    ("commands", "shown"),
    [
        (f"{ROLE}; show", "x_password=***"),
        (f"{ROLE}; show -f json", "x_password=***"),
        ("category; use openstack-compute-hosts; roles; list", "openstacknode"),
        (f"{ROLE}; {setting('hunter2new')}; commit --dry-run", "x_password=***"),
        (f"{ROLE}; {setting('hunter2new')}; commit --dry-run -f json", "x_password=***"),
        (f"{ROLE}; {setting('hunter2new').replace('[agent]', '[agent')}; commit", "expected ]"),
        (f"{ROLE}; {setting('hunter2').replace(FILE, '/etc/x')}; commit", "no role here generates"),
        ("history", "openstack-compute-hosts"),
        ("history 2", "x_password=***"),
        ("history 2 -f json", "x_password=***"),
    ],
)
def test_the_shell_shows_none(site: Site, commands: str, shown: str) -> None:
    said = site.shell(commands)

    assert shown in said
    assert SECRET not in said


def test_get_alone_prints_a_value_as_it_is(site: Site) -> None:
    assert f"x_password={SECRET}" in site.shell(f"{ROLE}; get configfilemodifications")


def test_drift_says_that_a_secret_differs_and_not_how(site: Site) -> None:
    before = site.file.read_text()
    site.file.write_text(before.replace(SECRET, "hunter2other"))
    try:
        for words in (
            ("cluster", "drift", "node002"),
            ("cluster", "drift", "node002", "-f", "json"),
        ):
            said = site.run(*words)
            assert "[agent]x_password" in said
            assert SECRET not in said
        assert SECRET not in site.shell("drift -n node002")
    finally:
        site.file.write_text(before)


def test_an_export_hides_it_and_is_not_taken_back(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "cluster.yaml"
    out.touch(0o644)
    site.run("cluster", "export", str(out))

    assert SECRET not in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o600
    refused = site.run("cluster", "apply", str(out))
    assert "stands for a secret that was hidden" in refused
    assert "--secrets" in refused
    assert site.file.read_text().count(SECRET) == 2


def test_an_export_with_secrets_is_whole_and_its_owners(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "cluster.yaml"
    site.run("cluster", "export", "--secrets", str(out))

    assert out.stat().st_mode & 0o777 == 0o600
    assert site.run("cluster", "plan", str(out)) == "The cluster is as the file says\n"
    out.write_text(out.read_text().replace(SECRET, "hunter2new"))
    planned = site.run("cluster", "plan", str(out))
    assert "x_password=***" in planned
    assert SECRET not in planned


def test_a_hidden_value_cannot_be_set(site: Site) -> None:
    said = site.shell(f"{ROLE}; append configfilemodifications +{FILE}[agent]a_token=***; commit")

    assert "stands for a secret that was hidden" in said

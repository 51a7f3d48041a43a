# SPDX-License-Identifier: Apache-2.0
"""What a host, an agent or a tenant wrote moves no cursor and begins no line of ours."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.article import starting_state
from command_line import ibstack
from ibstack.cli.shell import Lister, ShowOne, say
from ibstack.cluster.config.file_difference import differences, shown
from ibstack.cluster.model.state import State
from ibstack.cluster.rollout.events import Event
from ibstack.cluster.shell.tables import Column, Listing, as_json, lines
from ibstack.cluster.store.store import open_store
from ibstack.cluster.text_file.plan import changes_to
from ibstack.fabric import printable as home
from verify.faults import SITE

CONTROLS = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202e\u2028\x7f"
"""A title, a cleared screen, the begin of a line, a colour in C1, a turned direction, a line."""
BEGUN = "ibstack: all is well"
"""What a line of ours would say."""
FORMS = ("table", "value", "csv", "json", "yaml")


def odd_signs(text: str) -> set[str]:
    return {sign for sign in text if not sign.isprintable()} - {"\n"}


def is_clean(text: str) -> bool:
    return not odd_signs(text) and not any(line.startswith(BEGUN) for line in text.split("\n"))


def run(*words: str) -> str:
    """Return all that a command says, line endings as it writes them."""
    done = ibstack(*words)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a cluster whose node002 has what it is to have."""
    folder = tmp_path_factory.mktemp("cluster")
    settings = folder / "cluster.conf"
    url = f"sqlite:///{folder}/cluster.db"
    settings.write_text(f"[store]\nurl = {url}\n[hosts]\nreach = tree:{folder}/hosts\n")
    store = open_store(url)
    store.commit(changes_to(State(), starting_state()), base=store.load(), author="somebody")
    host = folder / "hosts/node002"
    (host / "root").mkdir(parents=True)
    (host / "state.json").write_text('{"state": "UP"}')
    run("cluster", "bring", "node002", "--config", str(settings))
    return settings


@pytest.fixture
def edited(brought: Path) -> Path:
    """The same, after its owner has edited all that the cluster wrote there."""
    ini = sorted((brought.parent / "hosts/node002/root/etc/neutron").rglob("*.ini"))
    assert ini
    for file in ini:
        hostile = f"odd{CONTROLS} = {CONTROLS}x\n {BEGUN}\n"
        file.write_bytes(file.read_bytes() + hostile.encode())
    return brought


BRIDGE = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
ROLE = "category; use openstack-compute-hosts; roles; use openstacknode"
KEY = f"append configfilemodifications +{BRIDGE}[agent]x="
SHELL = (
    "drift -n node002",
    "drift -n node002 -f json",
    f"{ROLE}; {KEY}1; commit --dry-run",
    f"{ROLE}; {KEY}1; commit --dry-run -f json",
    f"{ROLE}; {KEY}1; commit",
)


@pytest.mark.parametrize("form", FORMS)
def test_drift_of_a_hosts_own_text(edited: Path, form: str) -> None:
    said = run("cluster", "drift", "node002", "--config", str(edited), "-f", form)

    assert is_clean(said)
    assert "title" in said


@pytest.mark.parametrize("commands", SHELL)
def test_the_shell_about_such_a_host(edited: Path, commands: str) -> None:
    said = run("shell", "--config", str(edited), "-c", commands)

    assert is_clean(said)
    assert BRIDGE in said


def test_a_bring_tells_of_such_a_host(edited: Path) -> None:
    assert is_clean(run("cluster", "bring", "node002", "--config", str(edited)))


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection in which agents report, and files hold, what a terminal acts on."""
    site = tmp_path_factory.mktemp("site") / "site"
    shutil.copytree(SITE, site)
    agents = json.loads((site / "agents.json").read_text())
    for agent in agents["agents"]:
        agent["configurations"]["problems"] = [f"{CONTROLS}\n{BEGUN}"]
        agent["configurations"]["role"] = f"master{CONTROLS}\n{BEGUN}"
    (site / "agents.json").write_text(json.dumps(agents))
    for name in ("proc/cmdline", "etc/ibstack/eswitchd.conf", "sys/class/iommu"):
        for file in site.glob(f"*/{name}"):
            file.write_text(f"{file.read_text()}{CONTROLS} = {CONTROLS}\n{BEGUN}\n")
    return site


@pytest.mark.parametrize("words", [("--all",), ("--all", "--long"), ("cloud",), ("host",)])
@pytest.mark.parametrize("form", FORMS)
def test_verify_of_a_collection(collected: Path, words: tuple[str, ...], form: str) -> None:
    assert is_clean(run("verify", *words, "--from", str(collected), "-f", form))


def test_verify_still_tells_what_an_agent_reports(collected: Path) -> None:
    assert r"\x1b]0;title\x07" in run("verify", "cloud", "--from", str(collected))


@pytest.mark.parametrize("form", FORMS)
def test_lint_and_the_upgrade_check_of_a_hosts_files(tmp_path: Path, form: str) -> None:
    file = tmp_path / "collected/node002/etc/neutron/plugins/mlnx/mlnx_conf.ini"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"[eswitch]\nphysical_interface_mappings = net{CONTROLS}:ib0\n {BEGUN}\n"
        f"odd{CONTROLS} = {CONTROLS}\n[odd{CONTROLS}]\ndaemon_endpoint = {CONTROLS}\n"
    )

    folder = str(tmp_path / "collected")
    assert is_clean(run("cluster", "lint", "--files-only", "--host-files", folder, "-f", form))
    assert is_clean(run("upgrade-check", "--agent", str(file), "-f", form))


class _Rows(Lister):
    """Answers with hostile rows."""

    example = "none"

    def take_action(self, _parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        return ("name", "number"), [(f"{CONTROLS}\n{BEGUN}", 5), (None, True)]


class _One(ShowOne):
    """Answers with one hostile value."""

    example = "none"

    def take_action(self, _parsed: Namespace) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        return ("name",), (f"{CONTROLS}\n{BEGUN}",)


@pytest.mark.parametrize(
    ("command", "form"),
    [*((_Rows, form) for form in FORMS), *((_One, form) for form in (*FORMS[:2], "shell", "json"))],
)
def test_each_form_of_an_answer(command: type[Lister] | type[ShowOne], form: str) -> None:
    app: Any = Namespace(stdout=io.StringIO(), stderr=io.StringIO())
    asked = command(app, None)

    asked.run(asked.get_parser("rows").parse_args(["-f", form]))

    out = app.stdout.getvalue()
    assert is_clean(out)
    if form in ("json", "yaml") and command is _Rows:
        (first, _) = yaml.safe_load(out)
        assert first == {"name": f"{CONTROLS}\n{BEGUN}", "number": 5}


def test_every_listing_of_the_command_line_is_such_an_answer() -> None:
    folder = Path(sys.modules[Lister.__module__].__file__ or "").parent
    beside = [each.name for each in folder.glob("*.py") if "cliff.lister" in each.read_text()]

    assert beside == ["shell.py"]


@given(st.text(max_size=60))
def test_what_is_said_of_hosts_is_one_line(text: str) -> None:
    event = str(Event(datetime.now(UTC), "error", "node002", text))
    rows = lines(Listing((Column("a", "A"),), ({"a": text},)))
    after = f"[a]\nb = {text}".encode(errors="replace")

    assert not any(map(odd_signs, (event, *rows)))
    assert "\n" not in event + "".join(rows)
    for ini in (True, False):
        found = shown(differences(b"[a]\nb = c", after, ini=ini))
        assert not any(odd_signs(line) or "\n" in line for line in found)


@given(st.text(max_size=60))
def test_json_of_the_shell_holds_the_same_and_is_clean(text: str) -> None:
    said = as_json({"a": (text, 1)})

    assert not odd_signs(said)
    assert json.loads(said) == {"a": [text, 1]}


def test_talk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{CONTROLS}\n{BEGUN}")

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert is_clean(said.removeprefix("ibstack: "))


def test_a_daemons_log_is_lines(tmp_path: Path) -> None:
    """In a process of its own: how records are made is for a whole process."""
    script = (
        "import logging, sys; from ibstack.runtime.daemon import log_printable_lines\n"
        "log_printable_lines(); logging.basicConfig(stream=sys.stderr, format='%(message)s')\n"
        "logging.getLogger('x').warning('agent says %s', sys.argv[1])"
    )
    hostile = f"{CONTROLS}\n{BEGUN}"

    done = subprocess.run(
        [sys.executable, "-c", script, hostile], capture_output=True, check=True, timeout=60
    )

    assert is_clean(done.stderr.decode())
    assert done.stderr.count(b"\n") == 1


def test_readers_of_one_home_agree() -> None:
    text = f"{CONTROLS}\n{BEGUN}"

    assert home.printable(home.printable(text)) == home.printable(text)
    assert home.one_line(text) == home.printable(text)
    assert home.lines(text).split("\n")[1] == BEGUN
    assert logging.getLogRecordFactory() is logging.LogRecord

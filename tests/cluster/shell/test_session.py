# SPDX-License-Identifier: Apache-2.0
"""Sessions: several at once, without hosts, with events from elsewhere, and what they import."""

import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.shell.played_hosts import PlayedHosts
from cluster.shell.shells import NOW, Shell, open_shell
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.kind import Kind
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.model.value import Blob
from ibstack.cluster.rollout.events import Event
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import Store
from ibstack.fabric.errors import TryLater


@pytest.fixture
def other(store: Store) -> Shell:
    return open_shell(store, author="alice")


def test_a_commit_on_what_another_changed_is_refused_and_shows_it(
    shell: Shell, other: Shell
) -> None:
    other.type("device use node001; set revision theirs; commit")

    said = shell.type("device use node001; set revision ours; commit")

    assert said.splitlines()[0] == (
        "! cannot commit: changed under it; refresh, and change it again"
    )
    assert "by alice" in said
    assert "device/node001 revision: unset → theirs" in said
    assert shell.session.prompt == "[headnode->device*[node001*]]% "


def test_after_a_refresh_it_sees_what_another_has_committed(shell: Shell, other: Shell) -> None:
    other.type("device use node001; set revision theirs; commit")
    shell.type("device use node001; set revision ours; commit")

    assert shell.type("refresh; get revision") == "theirs\n"
    assert "Successfully committed" in shell.type("set revision ours; commit")


def test_commits_on_different_objects_do_not_hinder_each_other(shell: Shell, other: Shell) -> None:
    shell.type("device use node001; set revision ours")
    other.type("device use node002; set revision theirs; commit; use node003; set revision x")

    assert "Successfully committed" in shell.type("commit")
    assert shell.type("get node002 revision") == "theirs\n"
    assert "Successfully committed" in other.type("commit")


def test_what_is_not_committed_is_seen_by_nobody_else(shell: Shell, store: Store) -> None:
    shell.type("device remove node003; category clone virtual-nodes new")

    assert open_shell(store).type("device get node003 ip; category get new softwareimage") == (
        "10.141.0.3\n! cannot get category new: there is no such category\n"
    )


def test_what_an_operator_stopped_is_held_until_it_is_started(shell: Shell, store: Store) -> None:
    shell.type("device services node001; stop opensm")
    assert store.operator_stopped() == {("node001", "opensm")}

    shell.type("reload opensm")
    assert store.operator_stopped() == {("node001", "opensm")}

    shell.type("start opensm")
    assert store.operator_stopped() == frozenset()


def test_without_hosts_states_are_not_known(store: Store) -> None:
    shell = open_shell(store, hosts=False)

    assert shell.type("device status -n node001") == "node001 .................. [UNKNOWN ]\n"
    assert '"status": null' in shell.type("device status -n node001 -f json")
    assert '"status": null' in shell.type("device list -f json")
    assert '"state": null' in shell.type("device services node001 status -f json")
    assert shell.type("device reboot -n node001").startswith("! cannot reach the hosts")


def test_without_hosts_a_commit_is_saved(store: Store) -> None:
    shell = open_shell(store, hosts=False)

    assert shell.type("device use node001; set revision r; commit") == (
        "Successfully committed 1 Devices\n"
    )
    assert shell.type("commit --dry-run") == "Nothing to commit\n"


def test_flags_follow_the_state(shell: Shell) -> None:
    assert shell.hosts is not None
    shell.hosts.flags["node001"] = ("restart-required", "health check failed")

    assert shell.type("device status -n node001") == (
        "node001 .................. [   UP   ] restart-required, health check failed\n"
    )


def test_events_of_others_wait_for_the_prompt(shell: Shell) -> None:
    shell.session.output.post(Event(NOW, "notice", "node001", "Service opensm was stopped"))

    assert [str(event) for event in shell.session.output.pending_events()] == [
        "Fri Oct 17 08:42:09 2014 [notice] node001: Service opensm was stopped"
    ]
    assert list(shell.session.output.pending_events()) == []


def test_run_tells_whether_all_of_it_succeeded(shell: Shell) -> None:
    assert shell.session.run("device; list")
    assert not shell.session.run("get foo; list")
    assert not shell.session.run('list "')
    assert shell.session.run("home")


def test_errors_and_answers_go_their_own_ways(store: Store) -> None:
    out, err = io.StringIO(), io.StringIO()
    session = Session(store, COMMANDS, author="root", out=out, err=err)

    session.run("device use node001; get foo; get ip")

    assert out.getvalue() == "10.141.0.1\n"
    assert err.getvalue() == (
        "cannot get foo of device node001: a physicalnode has no property 'foo'\n"
    )


def test_a_text_can_be_edited(store: Store) -> None:
    session = Session(
        store, COMMANDS, author="root", out=io.StringIO(), edit=lambda text: f"{text}more\n"
    )

    session.run('category use virtual-nodes; set finalizescript "echo\n"; set finalizescript')

    assert session.draft.edits
    assert [
        entity.values["finalizescript"] for entity in session.draft.edits.values() if entity
    ] == ["echo\nmore\n"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if not kind.inside])
def test_every_mode_lists_shows_and_helps(shell: Shell, kind: Kind) -> None:
    columns = ",".join(each.name for each in kind.properties)
    shell.type(f"{kind.name}; list; list -f json; list -f {columns}; help; help {kind.name}")
    for name in shell.session.draft.names(kind.name):
        shell.type(f"show {name}; show -f json {name}; use {name}; validate; usedby; {kind.name}")

    assert shell.session.output.failures == 0


def test_every_submode_lists_and_shows(shell: Shell) -> None:
    for kind in ("device", "category"):
        for name in shell.session.draft.names(kind):
            for submode in ("roles", "services", "interfaces"):
                if kind == "category" and submode == "interfaces":
                    continue
                shell.type(f"home; {kind} {submode} {name}; list; list -f json")
                shell.type("foreach * (show; show -f json)")

    assert shell.session.output.failures == 0


def test_every_command_has_its_help(shell: Shell) -> None:
    for command in shell.session.vocabulary.commands:
        assert command.summary.endswith(".")
        assert command.example
        assert shell.type(f"help {command.name}")

    assert shell.session.output.failures == 0


def test_no_two_commands_of_one_place_share_a_name(shell: Shell) -> None:
    seen: set[tuple[str, str]] = set()
    for command in shell.session.vocabulary.commands:
        for name in (command.name, *command.aliases):
            assert name not in KINDS
            for kind in command.where.kinds or {""}:
                assert (name, kind) not in seen
                seen.add((name, kind))


SCRAPS = st.sampled_from(
    [command.name for command in COMMANDS if command.name != "run"]
    + [*KINDS, "node001", "openstack-compute-hosts", "openstacknode", "eth0", "revision", "x", "*"]
    + ["-f", "json", "-n", "-c", "node001..node003", "physicalnode", "yes", '""', "1", "ip", "-d"]
    + [";", "(", ")", "master", "openstack-image", "softwareimage", "10.141.0.9", "services"]
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(SCRAPS, min_size=1, max_size=12))
def test_whatever_is_typed_the_session_answers(store: Store, scraps: list[str]) -> None:
    session = Session(store, COMMANDS, author="root", out=io.StringIO())

    session.run(" ".join(scraps))
    session.run("home; device use node001; validate")

    assert session.prompt


def test_a_session_imports_neither_a_database_nor_clustershell() -> None:
    program = (
        "import sys, ibstack.cluster.shell.session, ibstack.cluster.shell.registry;"
        "print(sorted({'sqlalchemy', 'alembic', 'ClusterShell', 'prompt_toolkit', 'subprocess'}"
        " & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_the_size_of_a_script_is_shown_and_not_the_script(shell: Shell) -> None:
    scripts = [each.name for each in KINDS["category"].properties if isinstance(each.type, Blob)]

    shell.type("category use virtual-nodes", *(f'set {name} "<a/>"' for name in scripts))

    assert shell.type("show").count("<4 bytes>") == len(scripts)


class FullStore(Store):
    """A store on a disk that has no room."""

    def commit(self, changes: Sequence[Change], *, base: State, author: str) -> State:
        raise TryLater("cannot commit: the disk is full; make room and try again")


def test_what_the_store_cannot_take_stays_pending(store: Store) -> None:
    shell = open_shell(FullStore(store._database))

    assert shell.type("device use node001; set revision r; commit") == (
        "! cannot commit: the disk is full; make room and try again\n"
    )
    assert shell.session.prompt == "[headnode->device*[node001*]]% "
    assert store.load().revision == 1


class DeafHosts(PlayedHosts):
    """Hosts that take no configuration."""

    def after_commit(self, before: State, after: State, tell: Callable[[Event], None]) -> None:
        raise TryLater("cannot configure node001: it is down; commit again when it is up")


def test_a_commit_that_hosts_cannot_follow_is_saved_and_says_so(store: Store) -> None:
    shell = open_shell(store, hosts=DeafHosts(store.load(), NOW))

    said = shell.type("device use node001; set revision r; commit")

    assert said.splitlines() == [
        "Successfully committed 1 Devices",
        "! cannot configure node001: it is down; commit again when it is up (the commit is saved)",
    ]
    assert shell.session.output.failures == 1
    assert store.load().revision == 2


def test_a_tilde_in_the_name_of_a_file_is_ones_home(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "nodes").write_text("node002\n")

    assert shell.type("alias a path; export > ~/rc; unalias a") == ""
    assert shell.type("device foreach -n ^~/nodes (get ip)") == "10.141.0.2\n"
    assert shell.type("run ~/rc; a") == "home;\n"
    assert shell.type("path > ~/none/rc") == (
        f"! cannot write {tmp_path}/none/rc: No such file or directory;"
        f" make the folder: !mkdir -p {tmp_path}/none\n"
    )

# SPDX-License-Identifier: Apache-2.0
"""The shell in a terminal: keys go in by a pipe, and the session is looked at afterwards."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from cluster.shell.shells import NOW, Shell
from ibstack.cluster.rollout.events import Event
from ibstack.cluster.shell.history_file import open_history, usual_path
from ibstack.cluster.shell.terminal import Terminal, colour_wanted, files, own_commands

ENTER, TAB, UP = "\r", "\t", "\x1b[A"
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


def typed(
    shell: Shell,
    keyboard: PipeInput,
    keys: str,
    *,
    history: History | None = None,
    colour: bool = False,
) -> str:
    """Type *keys* until the shell is left, and return what it said."""
    keyboard.send_text(keys)
    Terminal(
        shell.session,
        colour=colour,
        history=history or InMemoryHistory(),
        keyboard=keyboard,
        screen=DummyOutput(),
    ).run()
    return shell.out.getvalue()


def test_lines_are_run_until_ctrl_d(shell: Shell, keyboard: PipeInput) -> None:
    said = typed(shell, keyboard, f"device use node001{ENTER}get ip{ENTER}{CTRL_D}")

    assert said == "10.141.0.1\n"


def test_tab_completes_what_there_is_one_of(shell: Shell, keyboard: PipeInput) -> None:
    said = typed(shell, keyboard, f"dev{TAB}get node001 ip{ENTER}{CTRL_D}")

    assert said == "10.141.0.1\n"


def test_after_a_use_that_failed_one_is_where_the_prompt_says(
    shell: Shell, keyboard: PipeInput
) -> None:
    keys = ("device use node001", "use node00X", "get hostname")

    said = typed(shell, keyboard, ENTER.join(keys) + ENTER + CTRL_D)

    assert said.endswith("\nnode001\n")


def test_a_file_that_is_run_from_a_terminal_is_a_script(
    shell: Shell, keyboard: PipeInput, tmp_path: Path
) -> None:
    (tmp_path / "nodes.cmsh").write_text("device\nuse node001\nuse node00X\nget hostname\n")

    said = typed(shell, keyboard, f"run {tmp_path}/nodes.cmsh{ENTER}{CTRL_D}")

    assert "cannot run get hostname: use node00X led nowhere" in said


def test_ctrl_c_drops_the_line(shell: Shell, keyboard: PipeInput) -> None:
    assert typed(shell, keyboard, f"bogus{CTRL_C}path{ENTER}{CTRL_D}") == "home;\n"


def test_a_line_that_is_open_goes_on_in_the_next(shell: Shell, keyboard: PipeInput) -> None:
    keys = f"device foreach -n node001..node002 ({ENTER}get ip{ENTER}){ENTER}{CTRL_D}"

    assert typed(shell, keyboard, keys) == "10.141.0.1\n10.141.0.2\n"


@pytest.mark.parametrize("leaving", [CTRL_D, f"quit{ENTER}", f"home; exit{ENTER}"])
def test_who_would_lose_changes_is_asked(shell: Shell, keyboard: PipeInput, leaving: str) -> None:
    change = f"device set node001 revision mine{ENTER}"
    stays = f"{leaving}n{ENTER}modified{ENTER}"

    said = typed(shell, keyboard, f"{change}{stays}{leaving}y{ENTER}")

    assert "node001" in said
    assert len(shell.session.draft.edits) == 1


def test_an_answer_that_is_ctrl_c_stays_and_one_that_is_ctrl_d_leaves(
    shell: Shell, keyboard: PipeInput
) -> None:
    change = f"device set node001 revision mine{ENTER}"

    said = typed(shell, keyboard, f"{change}{CTRL_D}{CTRL_C}path{ENTER}{CTRL_D}{CTRL_D}")

    assert said == "home;\n"


def test_a_text_is_edited_in_the_editor_of_ones_choice(
    shell: Shell, keyboard: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "echo 'mount -a' >")

    keys = f"device use node001{ENTER}set finalizescript{ENTER}get finalizescript{ENTER}"
    said = typed(shell, keyboard, f"{keys}{CTRL_D}y{ENTER}")

    assert said == "mount -a\n\n"


def test_events_are_shown_before_the_prompt(shell: Shell, keyboard: PipeInput) -> None:
    shell.session.output.post(Event(NOW, "notice", "node001", "Service opensm was stopped"))

    assert "node001: Service opensm was stopped" in typed(shell, keyboard, CTRL_D)


def test_errors_are_red_and_answers_are_not(shell: Shell, keyboard: PipeInput) -> None:
    said = typed(shell, keyboard, f"path{ENTER}bogus{ENTER}{CTRL_D}", colour=True)

    assert "home;\n! \033[31mcannot run 'bogus'" in said


@pytest.mark.parametrize(
    ("asked", "environment", "wanted"),
    [
        (None, {}, True),
        (None, {"NO_COLOR": "1"}, False),
        (None, {"TERM": "dumb"}, False),
        ("yes", {"NO_COLOR": "1"}, True),
        ("no", {}, False),
    ],
)
def test_colour_is_as_asked_and_never_against_no_color(
    asked: str | None, environment: dict[str, str], wanted: bool
) -> None:
    assert colour_wanted(asked, environment) is wanted


def test_history_is_kept_for_its_owner_alone(
    shell: Shell, keyboard: PipeInput, tmp_path: Path
) -> None:
    path = usual_path({"XDG_STATE_HOME": str(tmp_path / "state")})
    keys = f"path{ENTER}path{ENTER} hidden{ENTER}{CTRL_D}"

    typed(shell, keyboard, keys, history=open_history(path))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*open_history(path).load_history_strings()] == ["path"]


def test_a_history_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.touch(mode=0o644)

    open_history(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_last_line_comes_back_in_the_next_session(
    shell: Shell, keyboard: PipeInput, tmp_path: Path
) -> None:
    path = tmp_path / "history"
    open_history(path).store_string("device get node002 ip")

    said = typed(shell, keyboard, f"{UP}{ENTER}{CTRL_D}", history=open_history(path))

    assert said == "10.141.0.2\n"


def test_without_a_place_for_history_it_is_kept_in_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()

    assert isinstance(open_history(blocked / "history"), InMemoryHistory)


def test_files_are_listed_as_a_shell_lists_them(tmp_path: Path) -> None:
    for name in ("nodes.cmsh", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "notes").mkdir()

    assert [*files(f"{tmp_path}/n")] == [f"{tmp_path}/nodes.cmsh", f"{tmp_path}/notes/"]
    assert [*files(f"{tmp_path}/.h")] == [f"{tmp_path}/.hidden"]
    assert [*files(f"{tmp_path}{os.sep}")] == [*files(f"{tmp_path}/n")]
    assert [*files(f"{tmp_path}/none/")] == []


@pytest.mark.parametrize("editor", ["true", "echo >>"])
def test_an_inherited_text_that_was_only_looked_at_is_still_inherited(
    shell: Shell, keyboard: PipeInput, monkeypatch: pytest.MonkeyPatch, editor: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    shell.type('category set openstack-compute-hosts disksetup "<a/>"; home; commit')

    keys = f"device use node002{ENTER}set disksetup{ENTER}modified{ENTER}"
    said = typed(shell, keyboard, f"{keys}get disksetup{ENTER}{CTRL_D}")

    assert said.splitlines()[1:] == [
        "disksetup of device node002 is as it was",
        "No modified objects of type device",
        "<a/> (category:openstack-compute-hosts)",
    ]


def test_a_session_begins_with_ones_own_commands(
    shell: Shell, keyboard: PipeInput, tmp_path: Path
) -> None:
    commands = own_commands({"XDG_CONFIG_HOME": str(tmp_path)})
    commands.parent.mkdir()
    commands.write_text('alias ip1 "device get node001 ip"\n')
    keyboard.send_text(f"ip1{ENTER}{CTRL_D}")

    Terminal(
        shell.session,
        colour=False,
        history=InMemoryHistory(),
        commands=commands,
        keyboard=keyboard,
        screen=DummyOutput(),
    ).run()

    assert shell.out.getvalue() == "10.141.0.1\n"

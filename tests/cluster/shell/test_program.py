# SPDX-License-Identifier: Apache-2.0
"""`ibstack shell` as scripts call it: a process, its streams and its exit status."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.shell.shells import open_copy

IBSTACK = str(Path(sys.executable).with_name("ibstack"))
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(template: Path, tmp_path: Path) -> Call:
    open_copy(template, tmp_path)
    url = f"sqlite:///{tmp_path / template.name}"

    def called(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        argv = [IBSTACK, "shell", "--store", url, *arguments]
        return subprocess.run(
            argv, input=typed, capture_output=True, text=True, timeout=60, check=False
        )

    return called


def test_commands_of_an_option(call: Call) -> None:
    done = call("-c", "device; get node001 ip; get node002 ip")

    assert (done.returncode, done.stdout, done.stderr) == (0, "10.141.0.1\n10.141.0.2\n", "")


def test_commands_of_a_file_with_one_over_several_lines(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "nodes.cmsh"
    file.write_text("device\nforeach -n node001..node002 (\n  get ip\n)\n")

    assert call("-f", str(file)).stdout == "10.141.0.1\n10.141.0.2\n"


def test_commands_of_a_pipe(call: Call) -> None:
    assert call(typed="device\nget node001 ip\n").stdout == "10.141.0.1\n"


def test_what_is_committed_is_there_for_the_next_call(call: Call) -> None:
    assert call("-c", "device set node001 revision mine; commit").returncode == 0
    assert call("-c", "device get node001 revision").stdout == "mine\n"


def test_what_is_not_committed_is_said_to_be_lost(call: Call) -> None:
    done = call("-c", "device set node001 revision mine")

    assert done.returncode == 0
    assert done.stderr == "ibstack: an object was changed and not committed: dropped\n"


def test_a_statement_that_fails_shows_in_the_exit_status_and_the_rest_is_run(call: Call) -> None:
    done = call("-c", "device get node001 bogus; path")

    assert (done.returncode, done.stdout) == (1, "home;\n")
    assert done.stderr.startswith("cannot get bogus of device node001: ")


@pytest.mark.parametrize("typed", ["device get node001 bogus; path", "get (\npath", "bogus\npath"])
def test_with_q_nothing_is_run_after_a_failure(call: Call, typed: str) -> None:
    done = call("-q", typed=typed)

    assert (done.returncode, done.stdout) == (1, "")


def test_with_x_each_line_is_printed_after_its_prompt(call: Call) -> None:
    done = call("-x", typed="device use node001\nget ip\n")

    assert done.stdout == (
        "[headnode]% device use node001\n[headnode->device[node001]]% get ip\n10.141.0.1\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("-f", "/nonexistent"), 2, "ibstack: cannot run /nonexistent: "),
        (("--store", "nonsense"), 2, "ibstack: cannot open the cluster's store: "),
        (("-c", "", "-f", "x"), 2, "not allowed with argument -c"),
    ],
)
def test_what_keeps_it_from_running_is_one_message(
    call: Call, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = call(*arguments)

    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_hosts_are_reached_as_the_settings_say(call: Call, template: Path, tmp_path: Path) -> None:
    settings = tmp_path / "cluster.conf"
    settings.write_text(f"[hosts]\nreach = tree:{tmp_path}/hosts\n")
    (tmp_path / "hosts" / "node001").mkdir(parents=True)
    ask = ("-c", "device status node001 -f json")

    assert '"status": null' in call(*ask).stdout
    assert '"DOWN"' in call("--config", str(settings), *ask).stdout


def test_no_colour_where_there_is_no_terminal(call: Call) -> None:
    done = call("--color", "yes", "-c", "device list; bogus")

    assert "\033" not in done.stdout + done.stderr


def test_a_reader_that_goes_away_is_no_error(call: Call, tmp_path: Path) -> None:
    argv = f"{IBSTACK} shell --store sqlite:///{tmp_path}/article.db -c 'device list' | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", argv], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.startswith("Type")
    assert "Traceback" not in done.stderr


def test_it_starts_without_cliff_and_without_what_only_a_terminal_needs() -> None:
    code = (
        "import sys; sys.argv = ['ibstack', 'shell', '--store', 'sqlite://', '-c', ''];"
        "from ibstack.cli.app import main; main();"
        "print(sorted({'cliff', 'prompt_toolkit', 'ClusterShell'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout == "[]\n"


def test_help_knows_it() -> None:
    done = subprocess.run(
        [IBSTACK, "help", "shell"], capture_output=True, text=True, timeout=60, check=False
    )

    assert "--store" in done.stdout

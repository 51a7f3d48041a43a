# SPDX-License-Identifier: Apache-2.0
"""Copies of images: waited for in scripts, done beside the person in a terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from cluster.article import starting_state
from cluster.rollout.tree_cluster import TreeCluster, tree_cluster
from cluster.shell.played_hosts import PlayedJob
from cluster.shell.shells import NOW, Shell
from ibstack.cluster.rollout.image_copy import ImageCopy, ImageJob, unfinished
from ibstack.cluster.shell.terminal import Terminal
from ibstack.fabric.errors import IbstackError

COMMIT = "device set node001 revision mine; commit"


def asked(shell: Shell, *names: str, trouble: BaseException | None = None) -> list[PlayedJob]:
    assert shell.hosts is not None
    shell.hosts.asked = [PlayedJob(name, NOW, trouble) for name in names]
    return list(shell.hosts.asked)


def states(shell: Shell) -> list[str]:
    return [each["state"] for each in json.loads(shell.type("jobs -f json"))]


@pytest.fixture
def tree(tmp_path: Path) -> TreeCluster:
    return tree_cluster(tmp_path, starting_state(), ())


def test_a_script_goes_on_when_all_is_done(shell: Shell) -> None:
    asked(shell, "a")[0].go.set()

    said = shell.type(f"{COMMIT}; path")

    assert said.splitlines() == [
        "Successfully committed 1 Devices",
        "Fri Oct 17 08:42:09 2014 [notice] headnode: Copied: a",
        "home;",
    ]


def test_without_waiting_jobs_go_on_in_their_order_and_say_when_they_are_done(
    shell: Shell,
) -> None:
    one, other = asked(shell, "a", "b")

    assert shell.type(f"{COMMIT} --no-wait") == "Successfully committed 1 Devices\n"
    assert states(shell)[1] == "waiting"
    assert " 40 " in shell.type("jobs")

    one.go.set()
    other.go.set()
    said = shell.type("jobs -w")

    assert said.index("Copied: a") < said.index("Copied: b") < said.index("copy a")
    assert states(shell) == ["done", "done"]
    assert shell.session.exit_code == 0


@pytest.mark.parametrize("trouble", [ValueError("odd"), IbstackError("no space")])
def test_a_job_that_fails_is_told_and_makes_the_batch_fail(
    shell: Shell, trouble: BaseException
) -> None:
    asked(shell, "a", trouble=trouble)[0].go.set()

    said = shell.type(COMMIT)

    assert f"cannot copy a: {trouble!r}" in said
    assert states(shell) == ["failed"]
    assert shell.session.exit_code == 1


def test_to_wait_and_not_to_wait_exclude_each_other(shell: Shell) -> None:
    assert "cannot both wait and not wait" in shell.type(f"{COMMIT} -w --no-wait")


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


def test_in_a_terminal_a_commit_returns_at_once_and_leaving_waits(
    shell: Shell, keyboard: PipeInput
) -> None:
    (job,) = asked(shell, "a")
    keyboard.send_text(f"{COMMIT}\rjobs\rwatch path\r\x04")
    terminal = Terminal(
        shell.session,
        colour=False,
        history=InMemoryHistory(),
        keyboard=keyboard,
        screen=DummyOutput(),
    )
    looks = []

    def rest(seconds: float) -> None:
        looks.append(seconds)
        job.go.set()
        raise KeyboardInterrupt

    shell.session.rest = rest
    terminal.run()

    said = shell.out.getvalue()
    assert said.index("Successfully committed") < said.index(" 40 ") < said.index("Copied: a")
    assert looks == [2]
    assert job.apart is True


def test_an_image_is_copied_beside_the_person(tree: TreeCluster) -> None:
    said = tree.type("softwareimage; clone openstack-image one; commit --no-wait; clone one two")
    said += tree.type("commit --no-wait", "jobs -w")

    assert "Started to copy: /cm/images/openstack-image -> /cm/images/one\n" in said
    assert "Copied: /cm/images/one -> /cm/images/two\n" in said
    assert (tree.image("two") / "etc" / "image").read_text() == "openstack-image\n"


def test_how_far_a_copy_is_is_seen_from_what_is_there(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    (source / "file").write_bytes(bytes(1000))
    job = ImageJob(ImageCopy("/a", "/b"), tmp_path, "headnode", lambda: NOW)
    assert job.percent() == 0

    unfinished(target).mkdir()
    (unfinished(target) / "file").write_bytes(bytes(700))
    assert job.percent() == 70

    (unfinished(target) / "file").write_bytes(bytes(1000))
    assert job.percent() == 99


def test_an_image_without_a_tree_is_told_as_an_error(tree: TreeCluster) -> None:
    (tree.image("openstack-image") / "etc" / "image").unlink()
    (tree.image("openstack-image") / "etc").rmdir()
    tree.image("openstack-image").rmdir()

    said = tree.type("softwareimage; clone openstack-image one; commit")

    assert "[error] headnode: cannot copy" in said
    assert tree.session.exit_code == 1

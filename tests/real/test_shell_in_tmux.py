# SPDX-License-Identifier: Apache-2.0
"""The shell in a real terminal: an administrator's hands in tmux, and what the screen shows."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.shell.shells import new_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IBSTACK = str(Path(sys.executable).with_name("ibstack"))
PATIENCE_S = 30
IMAGE, CATEGORY = "openstack-image-mellanox", "openstack-compute-hosts-mellanox"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux: apt-get install tmux"),
]


class Desk:
    """A terminal of 100 columns with a shell in it, and the keys to type into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = ""
        self._sittings = 0
        new_store(folder)

    def sit_down(self, *, colour: bool = False) -> None:
        """Start the shell in a terminal of its own."""
        # A server that is told to end may still hold the socket of the sitting before.
        self._sittings += 1
        self._socket = str(self._folder / f"tmux{self._sittings}")
        environment = {"XDG_STATE_HOME": str(self._folder / "state")}
        if not colour:
            environment["NO_COLOR"] = "1"
        words = [*(f"{name}={value}" for name, value in environment.items()), IBSTACK, "shell"]
        store = f"sqlite:///{self._folder / 'article.db'}"
        command = shlex.join(["env", *words, "--store", store])
        # What the program leaves with is read from the screen, so that must outlive it.
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40"),
            f"{command}; echo left with $?; exec sleep 1000",
        )
        self.sees("[headnode]%")

    def get_up(self) -> None:
        self._tmux("kill-server")

    def types(self, text: str, *keys: str) -> None:
        """Type text, then keys by tmux's names for them."""
        if text:
            self._tmux("send-keys", "-l", text)
        for key in keys:
            self._tmux("send-keys", key)

    def enters(self, line: str, prompt: str) -> None:
        """Type a line, and wait until *prompt* asks for the next."""
        before = self.screen()
        self.types(line)
        # The prompt that stands there already may be the same one.
        self._wait_for(lambda: self.screen() != before, line)
        self.types("", "Enter")
        self.sees(prompt, last=True)

    def resizes(self, columns: int) -> None:
        self._tmux("resize-window", "-x", str(columns))

    def screen(self, *options: str) -> str:
        return self._tmux("capture-pane", "-p", *options).rstrip()

    def sees(self, text: str, *, last: bool = False) -> None:
        """Wait until *text* is on the screen; *last*: until it is all that its last line says."""
        self._wait_for(lambda: self._shows(text, last=last), text)

    def _wait_for(self, came: Callable[[], bool], text: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not came():
            if time.monotonic() > end:
                pytest.fail(f"{text!r} did not come:\n{self.screen()}")
            time.sleep(0.1)

    def _shows(self, text: str, *, last: bool) -> bool:
        screen = self.screen()
        return (screen.splitlines() or [""])[-1].rstrip() == text if last else text in screen

    def _tmux(self, *arguments: str) -> str:
        argv = ["tmux", "-S", self._socket, *arguments]
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
        return done.stdout


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.sit_down()
    yield desk
    desk.get_up()


def test_the_articles_category_is_made_as_the_article_types_it(desk: Desk) -> None:
    desk.enters("softwareimage", "[headnode->softwareimage]%")
    desk.enters(f"clone openstack-image {IMAGE};commit;", f"[headnode->softwareimage[{IMAGE}]]%")
    desk.enters(
        'set kernelparameters "biosdevname=0 intel_iommu=on iommu=pt pci=realloc";commit;',
        f"[headnode->softwareimage[{IMAGE}]]%",
    )
    desk.enters("home; category", "[headnode->category]%")
    desk.enters(
        f"clone openstack-compute-hosts {CATEGORY}; use {CATEGORY};",
        f"[headnode->category*[{CATEGORY}*]]%",
    )
    desk.enters(f"set softwareimage {IMAGE};commit;", f"[headnode->category[{CATEGORY}]]%")
    desk.enters("home; device", "[headnode->device]%")
    desk.enters(
        f"device foreach -n node002..node003 (set category {CATEGORY};commit;)",
        "[headnode->device]%",
    )
    desk.types("get node003 softwareimage", "Enter")

    desk.sees(f"{IMAGE} (category:{CATEGORY})")


def test_tab_completes_and_lists_what_it_could_be(desk: Desk) -> None:
    desk.types("dev", "Tab")
    desk.types("us", "Tab", "Tab")
    desk.sees("use    usedby")

    desk.types(" no", "Tab")
    desk.types("2", "Enter")

    desk.sees("[headnode->device[node002]]%")


def test_lines_come_back_in_the_next_session(desk: Desk) -> None:
    desk.enters("device use node002", "[headnode->device[node002]]%")
    desk.types("", "C-d")
    desk.sees("left with 0")
    desk.get_up()
    desk.sit_down()

    desk.types("", "Up", "Enter")

    desk.sees("[headnode->device[node002]]%")


def test_ctrl_r_finds_a_line_and_enter_runs_it(desk: Desk) -> None:
    desk.enters("device use node002", "[headnode->device[node002]]%")
    desk.enters("home", "[headnode]%")
    desk.types("", "C-r")
    desk.types("use")
    desk.sees("[headnode]% device use node002\n")
    desk.types("", "Enter")

    desk.sees("[headnode->device[node002]]%", last=True)
    desk.enters("get ip", "[headnode->device[node002]]%")
    assert "10.141.0.2\n" in desk.screen()


def test_ctrl_c_drops_the_line_and_not_the_session(desk: Desk) -> None:
    desk.types("device remove node001", "C-c")
    desk.enters("modified", "[headnode]%")

    assert "node001\n" not in desk.screen().partition("modified")[2]


def test_ctrl_d_asks_before_changes_are_lost(desk: Desk) -> None:
    desk.enters("device set node001 revision mine", "[headnode]%")
    desk.types("", "C-d")
    desk.sees("An object is changed and not committed.  Leave all the same? [y/N]")

    desk.enters("n", "[headnode]%")
    desk.types("commit", "Enter")
    desk.sees("Successfully committed 1 Devices")
    desk.types("", "C-d")

    desk.sees("left with 0")


def test_a_window_may_change_its_size(desk: Desk) -> None:
    desk.types("device get node001 categ", "Tab")
    desk.resizes(60)
    desk.types("", "Enter")

    desk.sees("openstack-network-nodes")


def test_colour_is_seen_where_it_is_not_forbidden(desk: Desk) -> None:
    desk.types("bogus", "Enter")
    desk.sees("cannot run 'bogus'")
    assert "\033[31m" not in desk.screen("-e")
    desk.get_up()

    desk.sit_down(colour=True)
    desk.types("bogus", "Enter")
    desk.sees("cannot run 'bogus'")

    assert "\033[31mcannot run 'bogus'" in desk.screen("-e")

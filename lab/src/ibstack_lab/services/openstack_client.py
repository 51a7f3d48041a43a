# SPDX-License-Identifier: Apache-2.0
"""The real `openstack` client, kept running: to start it takes seconds, a command a fraction."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ANSWER_WITHIN_S: Final = 60.0
_QUIET_S: Final = 1.0
_BORDERS: Final = 3
"""Each answer is one table, and a table has three borders."""


class OpenstackClient:
    """The client as one user; it reads commands from a pipe."""

    def __init__(self, asking: int, answering: int) -> None:
        """Take over two descriptors: where commands go, where answers come from."""
        self._asking = os.fdopen(asking, "w")
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(os.fdopen(answering),))
        self._reader.start()

    def run(self, command: str) -> str:
        """Run one command that answers with a table; IbstackError where it says anything else.

        In this mode the client does not read quotes: words have no spaces in them.
        """
        try:
            self._asking.write(f"{command}\n")
            self._asking.flush()
        except OSError as error:
            raise IbstackError(f"cannot run `openstack {command}`: the client ended") from error
        said, borders = self._answer()
        if borders != _BORDERS:
            text = "\n".join(said).strip() or "nothing"
            raise IbstackError(f"cannot run `openstack {command}`: it said: {text}")
        return "\n".join(line for line in said if line.startswith(("+", "|")))

    def end(self) -> None:
        """Let the client come to its end."""
        with suppress(BrokenPipeError):
            self._asking.close()

    def wait(self) -> None:
        """Return when nobody can answer any more."""
        self._reader.join()

    def _answer(self) -> tuple[list[str], int]:
        """Return the lines of one answer, and how many borders are among them."""
        said: list[str] = []
        borders = 0
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while borders < _BORDERS and (wait := deadline - time.monotonic()) > 0:
            try:
                # A message that is followed by nothing is an error's.
                line = self._lines.get(timeout=min(wait, _QUIET_S) if said else wait)
            except queue.Empty:
                break
            if line is None:
                break
            if line.strip():
                said.append(line.rstrip())
            borders += line.startswith("+-")
        return said, borders

    def _read(self, answering: IO[str]) -> None:
        with answering:
            for line in answering:
                self._lines.put(line)
        self._lines.put(None)


class OpenstackClients:
    """Clients of several users, on their way from the start: importing takes seconds."""

    def __init__(self, users: int) -> None:
        ours, theirs = _pipes(users)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ibstack_lab.services.openstack_users", *map(str, theirs)],
            stdin=subprocess.PIPE,
            text=True,
            pass_fds=theirs,
            env=_without_openstack(os.environ) | {"PYTHONUNBUFFERED": "1", "COLUMNS": "140"},
        )
        for descriptor in theirs:
            os.close(descriptor)
        self._clients = [OpenstackClient(*pair) for pair in ours]

    def sign_in(self, environments: Sequence[Mapping[str, str]]) -> list[OpenstackClient]:
        """Return a client for each of the users' OS_… variables, in their order."""
        self._tell(json.dumps([dict(each) for each in environments]))
        return self._clients

    def close(self) -> None:
        for client in self._clients:
            client.end()
        with suppress(ValueError):  # Closed by sign_in().
            self._tell("")
        self._process.terminate()
        self._process.wait()
        for client in self._clients:
            client.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is None:
            raise AssertionError("opened as a pipe")
        with suppress(BrokenPipeError), self._process.stdin as told:
            told.write(line)


def _pipes(users: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Return our ends, command and answer of each user, and the other ends in one list."""
    ours, theirs = [], []
    for _user in range(users):
        their_input, our_output = os.pipe()
        our_input, their_output = os.pipe()
        ours.append((our_output, our_input))
        theirs += [their_input, their_output]
    return ours, theirs


def _without_openstack(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* less what would make the client someone else."""
    return {name: text for name, text in environ.items() if not name.startswith("OS_")}

# SPDX-License-Identifier: Apache-2.0
"""The real `openstack` client, kept running: to start it takes seconds, a command a fraction."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANSWER_WITHIN_S: Final = 60.0
_QUIET_S: Final = 1.0
_BORDERS: Final = 3
"""Each answer is one table, and a table has three borders."""


class OpenstackClient:
    """One `openstack` process that reads commands from its standard input, as one user."""

    def __init__(self, env: dict[str, str]) -> None:
        """*env*: the OS_… variables of the user."""
        self._process = subprocess.Popen(
            [str(Path(sys.executable).with_name("openstack"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            env={
                **_without_openstack(os.environ),
                **env,
                "PYTHONUNBUFFERED": "1",
                "COLUMNS": "140",
            },
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(_pipe(self._process.stdout),))
        self._reader.start()

    def run(self, command: str) -> str:
        """Run one command that answers with a table; IbstackError where it says anything else.

        In this mode the client does not read quotes: words have no spaces in them.
        """
        asking = _pipe(self._process.stdin)
        try:
            asking.write(f"{command}\n")
            asking.flush()
        except OSError as error:
            raise IbstackError(f"cannot run `openstack {command}`: the client ended") from error
        said, borders = self._answer()
        if borders != _BORDERS:
            text = "\n".join(said).strip() or "nothing"
            raise IbstackError(f"cannot run `openstack {command}`: it said: {text}")
        return "\n".join(line for line in said if line.startswith(("+", "|")))

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        _pipe(self._process.stdout).close()

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

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise AssertionError("opened as a pipe")
    return stream


def _without_openstack(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* less what would make the client someone else."""
    return {name: text for name, text in environ.items() if not name.startswith("OS_")}

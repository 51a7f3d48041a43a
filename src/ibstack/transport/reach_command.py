# SPDX-License-Identifier: Apache-2.0
"""Hosts that a program of the site's reaches: a command line before the command to run there."""

from __future__ import annotations

import os
import selectors
import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from ibstack.fabric.printable import one_line
from ibstack.transport.command import MOST_BYTES, CommandResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIMEOUT_S: Final = 30
_AT_ONCE: Final = 64
_PIECE_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class ReachCommand:
    """*line*: a command line with {host} in it.  Implements RunsCommands."""

    line: str
    timeout_s: float = _TIMEOUT_S
    most_bytes: int = MOST_BYTES

    def run(self, commands: Mapping[str, Sequence[str]]) -> Mapping[str, CommandResult]:
        before = shlex.split(self.line)
        argvs = {
            host: [*(word.replace("{host}", host) for word in before), *command]
            for host, command in commands.items()
        }
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(argvs, pool.map(self._run, argvs.values()), strict=True))

    def _run(self, argv: Sequence[str]) -> CommandResult:
        try:
            process = subprocess.Popen(
                argv,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            return CommandResult(None, why=f"{argv[0]} cannot be run: {error.strerror}")
        with process:
            try:
                return self._output(process)
            finally:
                process.kill()

    def _output(self, process: subprocess.Popen[bytes]) -> CommandResult:
        assert process.stdout is not None
        assert process.stderr is not None
        streams = (process.stdout, process.stderr)
        said: dict[IO[bytes], bytearray] = {stream: bytearray() for stream in streams}
        late = CommandResult(None, why=f"it did not answer within {self.timeout_s:g} s")
        until = time.monotonic() + self.timeout_s
        with selectors.DefaultSelector() as selector:
            for stream in said:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left_s = until - time.monotonic()
                ready = selector.select(left_s) if left_s > 0 else []
                if not ready:
                    return late
                for key, _ in ready:
                    stream = next(each for each in said if each is key.fileobj)
                    piece = os.read(key.fd, _PIECE_BYTES)
                    said[stream] += piece
                    if not piece:
                        selector.unregister(stream)
                    if len(said[stream]) > self.most_bytes:
                        return CommandResult(None, why="its answer is too large")
        try:
            status = process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return late
        out, err = (bytes(each).decode(errors="replace") for each in said.values())
        return CommandResult(status, out, one_line((err.strip().splitlines() or [""])[-1]))

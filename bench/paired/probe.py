# SPDX-License-Identifier: Apache-2.0
"""The asking end: a measuring program that runs on one side, and its answers."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from bench.paired.rounds import Took
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.paired.comparison import Pair

_LAUNCH: Final = Path(__file__).with_name("launch.py")
_ENDS_WITHIN_S: Final = 60
_LINES_SHOWN: Final = 20
"""The lab says what failed, and then the last 15 lines of that one's log."""
_COLUMNS_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Side:
    """A tree with an environment in `.venv`."""

    name: str
    tree: Path

    @property
    def python(self) -> Path:
        return self.tree / ".venv" / "bin" / "python"


class CannotMeasure(IbstackError):
    """A measuring program ended before it had answered."""


class Probe:
    """One measuring program: `names` are its measurements; *missing* says why it has none."""

    def __init__(self, side: Side, program: Sequence[str]) -> None:
        self.side = side
        self.names: tuple[str, ...] = ()
        self.missing = ""
        self._what = " ".join(program)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  Open as long as the program runs.
        self._process = subprocess.Popen(
            [str(side.python), "-P", str(_LAUNCH), *program],
            env={**os.environ, "PYTHONPATH": str(side.tree)},
            cwd=side.tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def wait(self) -> None:
        """Return when it is ready, or is known to be missing; CannotMeasure where it failed."""
        said = self._answer()
        self.names, self.missing = tuple(said.get("ready", ())), said.get("missing", "")

    def measure(self, name: str) -> dict[str, Took]:
        """Measure *name* once: what took how long; CannotMeasure where the program ended."""
        to = _open(self._process.stdin)
        with suppress(BrokenPipeError):  # Then there is no answer either.
            to.write(f"{name}\n")
            to.flush()
        return {what: Took(**took) for what, took in self._answer().items()}

    def close(self) -> None:
        """Let it take down what it has made."""
        with suppress(BrokenPipeError):
            _open(self._process.stdin).close()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()
        _open(self._process.stdout).close()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        line = _open(self._process.stdout).readline()
        if not line:
            raise CannotMeasure(
                f"cannot measure {self._what} of {self.side.name}: it ended, and said last:\n"
                f"{_said_last(self._log)}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running(programs: Sequence[tuple[Side, Sequence[str]]]) -> Iterator[list[Probe]]:
    """Yield a program on each side when all are ready, which they become side by side."""
    with ExitStack() as undo:
        started = []
        for side, program in programs:
            started.append(Probe(side, program))
            undo.callback(started[-1].close)
        for each in started:
            each.wait()
        yield started


def in_turn(probes: Sequence[Probe], part: str, count: int) -> Sequence[Pair]:
    """Measure *part* on both sides, *count* times each, one after the other.

    Once more before, which does not count: what is done first is slower.
    """
    first, second = probes
    return [(first.measure(part), second.measure(part)) for _ in range(count + 1)][1:]


def _said_last(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()[-_LINES_SHOWN:]
    return "\n".join(f"    {line[:_COLUMNS_SHOWN]}" for line in lines)


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the program was started without pipes")
    return stream

# SPDX-License-Identifier: Apache-2.0
"""`ibstack …` as a person types it, answered in this process: a new one imports for a second.

What only a process shows is in tests of its own: the program that pip makes, signals, terminals.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import signal
import sys
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.cli.app import main

if TYPE_CHECKING:
    from collections.abc import Iterator

IBSTACK = str(Path(sys.executable).with_name("ibstack"))
"""The program itself."""


@dataclass(frozen=True)
class Answer:
    """What a person sees, and the exit code."""

    returncode: int
    stdout: str
    stderr: str


def ibstack(*arguments: str, cwd: Path | None = None, given: str = "") -> Answer:
    """Run `ibstack ARGUMENTS` in folder *cwd*, with *given* as its standard input.

    What would end the process with a traceback is raised.
    """
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(as_found())
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        sys.argv, sys.stdin = [IBSTACK, *arguments], io.StringIO(given)
        try:
            status = main()
        except SystemExit as end:
            status = _status(end)
    return Answer(status, out.getvalue(), err.getvalue())


def _status(end: SystemExit) -> int:
    """Return the exit code that Python makes of what a program ended with."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


@contextmanager
def as_found() -> Iterator[None]:
    """Undo what a command does to its process: to signals, logging, warnings and the collector."""
    endings = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    root, argv, stdin = logging.getLogger(), sys.argv, sys.stdin
    handlers, level = root.handlers[:], root.level
    try:
        with warnings.catch_warnings():
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.argv, sys.stdin = argv, stdin
        for number, handler in endings.items():
            signal.signal(number, handler)
        gc.unfreeze()  # `ibstack shell` takes for its own all that there is.

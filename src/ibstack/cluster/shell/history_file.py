# SPDX-License-Identifier: Apache-2.0
"""The lines that an administrator typed, kept between sessions in a file of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST: Final = 5000
"""Lines that are kept."""
_OWNER_ONLY: Final = 0o600


def usual_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the history is kept: in the folder for what programs remember."""
    state = environment.get("XDG_STATE_HOME", "")
    folder = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return folder / "ibstack" / "shell_history"


def open_history(path: Path) -> History:
    """Return the history in *path*, readable by its owner only; one in memory if that fails.

    Commands may hold what others should not read, and an odd home folder stops nobody's work.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        try:
            os.fchmod(file, _OWNER_ONLY)
        finally:
            os.close(file)
    except OSError:
        return InMemoryHistory()
    return _Kept(str(path))


class _Kept(FileHistory):
    """Without what begins with a blank, and what is typed twice in a row."""

    def load_history_strings(self) -> Iterable[str]:
        return list(super().load_history_strings())[:LONGEST]

    def append_string(self, string: str) -> None:
        # A line stays in the memory of the editor as well, so both are asked here.
        last = self.get_strings()[-1:]
        if string[:1].isspace() or last == [string]:
            return
        super().append_string(string)

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string)
        except OSError:
            return  # A full disk: it is still remembered as long as the session lasts.

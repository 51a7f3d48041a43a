# SPDX-License-Identifier: Apache-2.0
"""The members that a host's ports keep while Neutron cannot say which adapter they are of.

Kept over a restart of ibstack-fabricd too: an adapter in reset takes nothing away.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ibstack.fabric.member import Member
from ibstack.formats.codec import from_row, to_row
from ibstack.subnet_manager.state_file import store

if TYPE_CHECKING:
    from pathlib import Path

_BROKEN: Final = (ValueError, KeyError, TypeError, AttributeError)


class KeptMembers:
    """The members that are kept, in `kept-members.json` of *folder*."""

    def __init__(self, folder: Path, *, remembers: bool = True) -> None:
        """*remembers*: False to read what the running daemon keeps, and to write nothing."""
        self._file = folder / "kept-members.json"
        self._remembers = remembers
        self._stored: tuple[Member, ...] | None = None

    def load(self) -> tuple[Member, ...]:
        """Return what was kept last; nothing where that cannot be read: it is kept no longer."""
        if self._stored is None:
            try:
                rows = json.loads(self._file.read_text("ascii"))
                self._stored = tuple(from_row(Member, row) for row in rows)
            except (OSError, *_BROKEN):
                self._stored = ()
        return self._stored

    def store(self, kept: tuple[Member, ...]) -> None:
        """Keep *kept* from now on; TryLater where it cannot be written."""
        if not self._remembers or kept == self.load():
            return
        store(self._file, json.dumps([to_row(member) for member in kept], indent=0) + "\n")
        self._stored = kept

# SPDX-License-Identifier: Apache-2.0
"""A command on a host: the seam to what runs it there, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_BYTES: Final = 4 * 1024 * 1024
"""What a command may print; beyond it is not read."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed and how it ended, or why it did not run to its end."""

    status: int | None
    """Its exit status; None: it did not end."""
    out: str = ""
    """Its standard output; characters that are none in UTF-8 are replaced."""
    err: str = ""
    """The last line of its standard error, fit for a terminal."""
    why: str = ""
    """Why it did not end, with the remedy; empty: it did."""


class RunsCommands(Protocol):
    """Runs commands on hosts, on all at once.  ssh.py and reach_command.py implement it."""

    def run(self, commands: Mapping[str, Sequence[str]]) -> Mapping[str, CommandResult]:
        """Run each host's command there, its words as they are; return by host what came of it."""
        ...

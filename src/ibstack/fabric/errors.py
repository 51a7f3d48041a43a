# SPDX-License-Identifier: Apache-2.0
"""What ibstack raises on purpose.

Subclasses are made by what the caller does next, not by where the trouble arose: mend the input
(`BadValue`, `BadInput`), try again later (`TryLater`), give up (`Refused`), look for a person
(`CommandFailed` and the rest).  `str()` of each is a whole message for a person.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

DIFFERS: Final = 3
"""The exit code where something was found that is not as it should be."""
NOT_KNOWN: Final = 4
"""The exit code of what could not be known now."""


class IbstackError(Exception):
    """Anything ibstack raises on purpose."""

    exit_code = 1


class BadInput(IbstackError):
    """What was asked for cannot be meant; nothing was changed."""

    exit_code = 2


@dataclass(eq=False)
class BadValue(BadInput, ValueError):
    """A value from outside that ibstack will not carry inside."""

    kind: str
    text: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.text!r}: {self.why}"


class TryLater(IbstackError):
    """It could not be done now, and the same call may succeed later; nothing was lost."""

    exit_code = NOT_KNOWN


class Refused(IbstackError):
    """It could have been done and must not be; the message says what would allow it."""


@dataclass(eq=False)
class CommandFailed(IbstackError):
    """A program ran and said no, or could not be run."""

    argv: tuple[str, ...]
    status: int
    stderr: str
    doing: str

    def __str__(self) -> str:
        said = self.stderr.strip().splitlines()[-1:] or ["(nothing on stderr)"]
        return f"cannot {self.doing}: {shlex.join(self.argv)} exited {self.status}: {said[0]}"

# SPDX-License-Identifier: Apache-2.0
"""What is said of one setting, statement or port."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

NOTHING: Final = ""
"""What there is to do where there is nothing."""


class Verdict(enum.Enum):
    """What becomes of it."""

    KEEPS = "keeps working"
    CHANGES = "changes"
    DECIDE = "must be decided"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    source: str
    """The file, or the database."""
    line: int | None
    """Where in the file, counted from 1; None: not of a file, or of all of it."""
    key: str
    """`[section] key`, `partition KEY`, `port ID` or `host NAME`."""
    value: str
    """As it was found; a secret is hidden."""
    verdict: Verdict
    ibstack: str
    """What ibstack does with it."""
    to_do: str = NOTHING

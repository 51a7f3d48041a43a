# SPDX-License-Identifier: Apache-2.0
"""What a check finds: where, what stands there and elsewhere, what breaks, and what to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.Enum):
    """How bad it is."""

    ERROR = "error"
    """Something does not work, or is open to whom it should not be."""
    WARNING = "warning"
    """It works by luck, or not as somebody may have meant."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: a line of a host's file, or an object of the cluster."""

    file: str
    """The path on the host; of an object, its path in the cluster."""
    host: str = ""
    """One host, or several as node[001-003]; empty: it is an object of the cluster."""
    line: int | None = None
    generated: bool = False
    """As the cluster would write it, and not as somebody read it on the host."""

    def __str__(self) -> str:
        text = f"{self.host}:{self.file}" if self.host else self.file
        if self.line is not None:
            text += f":{self.line}"
        return f"{text} (generated)" if self.generated else text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    id: str
    """What kind of thing, stable: see docs/reference/cluster-lint.md."""
    place: Place
    key: str
    """Of an ini file as [section]key; of an object, the property."""
    value: str
    breaks: str
    """What does not work because of it."""
    remedy: str
    other: Place | None = None
    """Where the other side of a contradiction is."""
    other_value: str = ""
    severity: Severity = Severity.ERROR

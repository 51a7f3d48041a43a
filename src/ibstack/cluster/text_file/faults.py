# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a file: all of it at once, each with line and column."""

from __future__ import annotations

from dataclasses import dataclass

from ibstack.fabric.errors import BadInput


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file, counted from 1."""

    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong."""

    at: Position
    what: str


@dataclass(eq=False)
class BadFile(BadInput):
    """A cluster file that cannot be meant."""

    file: str
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "\n".join(
            f"cannot read the cluster file {self.file}:{each.at}: {each.what}"
            for each in self.faults
        )

# SPDX-License-Identifier: Apache-2.0
"""Take a partitions.conf only where OpenSM takes it for what stands there.

OpenSM fails open: given a file that it cannot parse it makes every port a full member of the
default partition, and much that it does parse it takes for something else than was meant.  So
whatever OpenSM refuses, guesses, cuts, matches by prefix, drops or silently ignores is a fault
here, and all faults of a file are reported at once.

What OpenSM does is known to ibstack.formats.partitions_conf.reading; each case was seen on OpenSM
3.3.23 under ibsim and is pinned by tests/real/test_opensm_fails_open.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput
from ibstack.formats.partitions_conf.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibstack.formats.partitions_conf.statement import Statement


@dataclass(frozen=True, order=True, slots=True)
class Fault:
    """One thing that is wrong with a file, and where."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(eq=False)
class PartitionsFileFaults(BadInput):
    """Everything that is wrong with one partitions file."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def parse(
    content: bytes, file: str, known: Mapping[bytes, Statement] | None = None
) -> tuple[Statement, ...]:
    """Return the statements of *content*, in order; *file* is how faults name it.

    *known*: from by_line(), of a file that was parsed before; its lines are not parsed again.
    Raises PartitionsFileFaults with every fault, in order of lines.  A file without any statement
    is one: OpenSM would open the fabric.
    """
    found = read(content, known)
    if found.remarks:
        faults = {Fault(file, remark.line, remark.what) for remark in found.remarks}
        raise PartitionsFileFaults(tuple(sorted(faults)))
    return found.statements


def by_line(content: bytes, statements: Iterable[Statement]) -> dict[bytes, Statement]:
    """Return the statements that are a line each, by that line, for the next parse.

    *statements* were parsed from *content*.  Such a line means the same wherever a statement may
    begin, and of a large file few lines change from one publish to the next.
    """
    lines = content.split(b"\n")
    return {
        line: statement
        for statement in statements
        if (line := lines[statement.line - 1] + b"\n").endswith(b";\n")
        and line.count(b";") == 1
        and b"#" not in line
        and not statement.groups
    }

# SPDX-License-Identifier: Apache-2.0
"""The lines of a partitions file that need not be parsed again in the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.formats.partitions_conf.statement import Statement


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

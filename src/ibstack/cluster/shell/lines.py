# SPDX-License-Identifier: Apache-2.0
"""Lines of a file or a pipe put together: what is open at the end of one goes on in the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.shell.grammar import Incomplete, Unreadable, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, those that belong together as one; also one that is never completed."""
    open_text = ""
    for line in lines:
        line = line.rstrip("\n")
        text = f"{open_text}\n{line}" if open_text else line
        open_text = text if is_open(text) else ""
        if not open_text:
            yield text
    if open_text:
        yield open_text


def is_open(text: str) -> bool:
    """Tell whether another line has to follow: a quote or a parenthesis is open."""
    try:
        parse(text)
    except Incomplete:
        return True
    except Unreadable:
        return False
    return False

# SPDX-License-Identifier: Apache-2.0
"""Text from outside, made fit for a terminal, a line of a log and a file of lines.

What a host, an agent or a tenant chose may hold what a terminal acts on (ECMA-48: escape sequences,
in their one-byte forms too), what begins a line, and what turns the direction of writing
(Unicode annex 9).
"""

from __future__ import annotations

import json
from typing import Final

_LONGEST: Final = 300


def printable(text: str) -> str:
    """Return *text* with each character that is not printable written out, as `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _written_out(each) for each in text)


def one_line(text: str, longest: int = _LONGEST) -> str:
    """Return the same on one line without blanks at its ends, cut after *longest* characters."""
    line = printable(text.strip())
    return line if len(line) <= longest else f"{line[:longest]} …"


def lines(text: str) -> str:
    """Return the same of a text of several lines, whose line feeds and tabs stay."""
    return "".join(each if each in "\n\t" else printable(each) for each in text)


def in_json(text: str) -> str:
    """Return the same of a text in JSON that holds line feeds between its values alone.

    JSON escapes what is below U+0020 and nothing else (RFC 8259, section 7); a string that holds
    escapes means what it meant.
    """
    return "".join(
        each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text
    )


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

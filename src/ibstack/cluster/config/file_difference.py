# SPDX-License-Identifier: Apache-2.0
"""How two versions of a file differ, by key where they are ini files, else by line.  Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.printable import printable
from ibstack.formats.ini import IniText, NotIni
from ibstack.formats.secrets import hidden_line, hidden_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.formats.ini import Keys

_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """One key, or one line."""

    what: str
    """`[section]key`; empty: a line."""
    before: str | None
    """None: it was not there."""
    after: str | None

    def __str__(self) -> str:
        if self.what and self.before is not None and self.after is not None:
            return f"{self.what}: {self.before or '(empty)'} → {self.after or '(empty)'}"
        sign, text = ("+", self.after) if self.after is not None else ("-", self.before)
        return f"{sign} {self.what} = {text}" if self.what else f"{sign} {text}"


def differences(before: bytes | None, after: bytes | None, *, ini: bool) -> tuple[Difference, ...]:
    """Return what differs; nothing where only comments and order do, and files are ini files."""
    if ini:
        try:
            return tuple(_by_key(_keys(before), _keys(after)))
        except NotIni:
            pass
    return tuple(_by_line(before or b"", after or b""))


def shown(found: tuple[Difference, ...]) -> list[str]:
    """Return lines for a person: the first of many, and how many there are more."""
    lines = [str(each) for each in found[:_SHOWN]]
    more = len(found) - _SHOWN
    return [*lines, f"and {more} more"] if more > 0 else lines


def _keys(content: bytes | None) -> Keys:
    return IniText(content or b"").keys()


def _by_key(before: Keys, after: Keys) -> Iterator[Difference]:
    for section, key in {**before, **after}:
        one, other = before.get((section, key)), after.get((section, key))
        if one != other:
            yield Difference(printable(f"[{section}]{key}"), *_texts(key, one, other))


def _texts(key: str, *sides: Sequence[str] | None) -> Iterator[str | None]:
    """Yield how values are shown; a secret that was changed is shown as changed, and not how."""
    for values in sides:
        shown = None if values is None else [hidden_value(key, value) for value in values]
        yield None if shown is None else printable(", ".join(shown))


def _by_line(before: bytes, after: bytes) -> Iterator[Difference]:
    one, other = (
        [printable(hidden_line(line)) for line in text.decode(errors="replace").splitlines()]
        for text in (before, after)
    )
    if len(one) + len(other) > 2000:
        # difflib takes minutes for what two sets tell at once.
        earlier, later = set(one), set(other)
        yield from (Difference("", line, None) for line in one if line not in later)
        yield from (Difference("", None, line) for line in other if line not in earlier)
        return
    for line in difflib.ndiff(one, other):
        if line.startswith("- ") and not line.startswith("- #"):
            yield Difference("", line[2:], None)
        elif line.startswith("+ ") and not line.startswith("+ #"):
            yield Difference("", None, line[2:])

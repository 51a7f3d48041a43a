# SPDX-License-Identifier: Apache-2.0
"""udev's rules: lines, and the keys of each.

Sources: udev(7); systemd 252, src/udev/udev-rules.c, udev_rules_parse_file(), parse_line() and
token_match_string().  tests/real/test_udev_rules_reader.py asks udev itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ibstack.formats.host_paths import that_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BELOW: Final = "udev/rules.d"
_TOKEN: Final = re.compile(
    r"[\s,]*([A-Z][A-Z_]*)(?:\{([^}]*)\})?\s*(==|!=|\+=|-=|:=|=)\s*([ei]{0,2})"
    r'"((?:[^"\\]|\\.)*)"(?=[\s,]|\Z)'
)
_COMPARES: Final = {"==", "!="}
_ONLY_COMPARED: Final = frozenset(
    {
        *("ACTION", "DEVPATH", "KERNEL", "KERNELS", "SUBSYSTEM", "SUBSYSTEMS", "DRIVER", "DRIVERS"),
        *("ATTRS", "TAGS", "CONST", "TEST", "RESULT"),
    }
)
_WRITTEN: Final = frozenset(
    {
        *("NAME", "SYMLINK", "ENV", "TAG", "ATTR", "SYSCTL", "OWNER", "GROUP", "MODE", "SECLABEL"),
        *("RUN", "LABEL", "GOTO", "IMPORT", "OPTIONS", "PROGRAM"),
    }
)


@dataclass(frozen=True, slots=True)
class Token:
    """One key of a rule with its operator and value."""

    key: str
    attribute: str
    """What stands in braces behind it."""
    operator: str
    value: str
    ignore_case: bool = False

    @property
    def compares(self) -> bool:
        return self.operator in _COMPARES

    @property
    def is_valid(self) -> bool:
        """Tell whether udev knows the key, and with that operator."""
        return self.key in _WRITTEN or (self.key in _ONLY_COMPARED and self.compares)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, and where it is."""

    tokens: tuple[Token, ...]
    file: str
    line: int
    """Its first, counted from 1."""

    @property
    def conditions(self) -> tuple[Token, ...]:
        return tuple(token for token in self.tokens if token.compares)

    def value(self, key: str) -> str | None:
        """Return what the rule writes to *key*, such as LABEL or GOTO."""
        found = [each.value for each in self.tokens if each.key == key and not each.compares]
        return found[-1] if found else None


def all_rules(files: Mapping[str, str]) -> Iterator[tuple[Rule, ...]]:
    """Yield the rules of each file that counts, in udev's order."""
    for path, text in that_count(files, BELOW, (".rules",)):
        yield tuple(rules(path, text))


def rules(path: str, text: str) -> Iterator[Rule]:
    """Yield each rule of one file; udev leaves out a line with a key that it cannot read."""
    for number, line in _lines(text):
        tokens: list[Token] = []
        end = 0
        while found := _TOKEN.match(line, end):
            key, attribute, operator, flags, value = found.groups(default="")
            written = re.sub(r'\\"', '"', value)
            tokens.append(Token(key, attribute, operator, written, "i" in flags))
            end = found.end()
        is_whole = not line[end:].strip(" \t,")
        if tokens and is_whole and all(token.is_valid for token in tokens):
            yield Rule(tuple(tokens), path, number)


def matches(token: Token, values: Iterable[str]) -> bool:
    """Tell whether any of *values* fits the token's patterns, `!=` left aside."""
    patterns = token.value.split("|")
    if token.ignore_case:
        patterns = [pattern.lower() for pattern in patterns]
        values = [value.lower() for value in values]
    return any(_fits(value, pattern) for value in values for pattern in patterns)


def _fits(value: str, pattern: str) -> bool:
    # fnmatch(3) takes ^ for ! in brackets.
    return fnmatchcase(value, re.sub(r"\[\^", "[!", pattern))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number of their first; a comment does not end one that goes on."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.lstrip()
        if line.startswith("#"):
            continue
        first = first if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield first, "".join([*parts, line])
        parts = []

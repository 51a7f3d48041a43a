# SPDX-License-Identifier: Apache-2.0
r"""Exclude lists: patterns of rsync, one to a line, and the lines that rsync would take otherwise.

`rsync --exclude=LINE` takes nearly any line for a pattern.  One that was meant as something else (a
rule of rsync's filters, a comment behind the path, two paths, a quoted path) is then a pattern that
matches nothing, and `--delete` takes away what it was to keep.  Seen on rsync 3.5.0 by
tests/cluster/rollout/test_exclude_lists.py; how `*`, `?`, `[` and `\` match is rsync(1), "PATTERN
MATCHING RULES".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ONLY_OLD: Final = "no-new-files:"

_WILD: Final = re.compile(r"[*?[]")
_CLASSES: Final = frozenset(
    (
        *("alnum", "alpha", "blank", "cntrl", "digit", "graph"),
        *("lower", "print", "punct", "space", "upper", "xdigit"),
    )
)
_CLASS: Final = re.compile(r"\[:([^\]]*):\]")
_LONG_RULES: Final = "exclude|include|merge|dir-merge|hide|show|protect|risk"


@dataclass(frozen=True, slots=True)
class ExcludeLine:
    """One pattern."""

    pattern: str
    """As `rsync --exclude` takes it."""
    only_old: bool
    """What it matches is never copied, also where the host has not got it."""


@dataclass(frozen=True, slots=True)
class ExcludeFault:
    """One line that rsync would not take for the pattern that it looks like."""

    number: int
    """From 1."""
    line: str
    why: str
    """With the remedy."""

    def __str__(self) -> str:
        return f"line {self.number}, {self.line!r}: {self.why}"


def read_exclude_list(
    lines: Iterable[str],
) -> tuple[tuple[ExcludeLine, ...], tuple[ExcludeFault, ...]]:
    """Return the patterns and the faults of a list; blank lines and comments say nothing.

    A pattern may stand behind `- `, `no-new-files:`, or both.
    """
    found: list[ExcludeLine] = []
    faults: list[ExcludeFault] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith(("#", ";")):
            continue
        only_old = text.startswith(ONLY_OLD)
        pattern = text.removeprefix(ONLY_OLD).strip()
        if pattern.startswith("- "):
            pattern = pattern[1:].strip()
        why = _fault(pattern)
        if why:
            faults.append(ExcludeFault(number, text, why))
        else:
            found.append(ExcludeLine(pattern, only_old))
    return tuple(found), tuple(faults)


def exactly(path: str) -> str:
    """Return the pattern that matches *path*, which is absolute, and nothing else."""
    if not _WILD.search(path):
        return path
    return re.sub(r"[*?[]", r"[\g<0>]", path.replace("\\", "\\\\"))


def _fault(pattern: str) -> str:
    return next(filter(None, (each(pattern) for each in _JUDGES)), "")


def _why_if_found(expression: str, why: str) -> Callable[[str], str]:
    compiled = re.compile(expression)
    return lambda pattern: why if compiled.search(pattern) else ""


def _parts(pattern: str) -> str:
    parts = pattern.removesuffix("/").removeprefix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        return "no path in an image has a part that is empty, . or ..; write it without"
    return ""


def _backslashes(pattern: str) -> str:
    # Without any of *, ? and [ it stands for itself; beside one it takes a sign's meaning away.
    meant = r"\\[][*?\\!^-]" if _WILD.search(pattern) else r"(?!)"
    if "\\" in re.sub(meant, "", pattern):
        return "a \\ stands before *, ?, [ or \\ alone; write none, or [\\\\] for the sign"
    return ""


def _brackets(pattern: str) -> str:
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 2
        elif pattern[at] == "[":
            end = _set_end(pattern, at)
            if end is None:
                return "its [ is not closed, so it matches nothing; write [[] for the sign"
            at = end
        else:
            at += 1
    return "" if at == len(pattern) else "nothing follows its last \\; write it without"


def _set_end(pattern: str, begin: int) -> int | None:
    """Return where the set that begins there is over; None where it never is, or is no set."""
    at = begin + 1
    at += pattern[at : at + 1] in ("!", "^")
    first = at
    while at < len(pattern):
        named = _CLASS.match(pattern, at)
        if named is not None:
            if named[1] not in _CLASSES:
                return None
            at = named.end()
        elif pattern[at] == "]" and at > first:
            return at + 1
        else:
            at += 1 + (pattern[at] == "\\")
    return None


_JUDGES: Final[tuple[Callable[[str], str], ...]] = (
    _why_if_found(r"^$|^/$", "it names nothing; write a path or a pattern"),
    _why_if_found(r"[\x00-\x1f\x7f]", "it has a control character; write ? for it"),
    _why_if_found(r"^!", "! is a rule of rsync's filters; write [!] for the sign"),
    _why_if_found(r"^\+", "+ is a rule of rsync's filters; write [+] for the sign"),
    _why_if_found(r"^-", "- and what is not a blank is a rule of rsync's filters; write - PATTERN"),
    _why_if_found(r"^:", ": is a rule of rsync's filters; write [:] for the sign"),
    _why_if_found(
        rf"^(?:[.HSPR][-+,/!CsrpxnweN]*|(?:{_LONG_RULES})(?:,\S*)?)\s",
        "it is a rule of rsync's filters, not a pattern; write the path alone",
    ),
    _why_if_found(
        r"^(?:[A-Za-z][A-Za-z-]*\s*:(?:\s|$)|no-new-files\b)",
        f"the only word before a pattern is {ONLY_OLD}; write that, or the path alone",
    ),
    _why_if_found(
        r"\s[#;]", "a comment stands on a line of its own; rsync takes it for a part of the path"
    ),
    _why_if_found(r"^([\"']).*\1$", "rsync takes quotes for a part of the path; write it without"),
    _why_if_found(r"[\s,]/", "it names several paths; write each on a line of its own"),
    _why_if_found(r"\{[^{}/]*,[^{}/]*\}", "rsync expands no {…}; write each on a line of its own"),
    _why_if_found(
        r"^~|\$[A-Z{(]", "rsync expands no ~ and no $; write the path from the image's /"
    ),
    _parts,
    _backslashes,
    _brackets,
)

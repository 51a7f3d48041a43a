# SPDX-License-Identifier: Apache-2.0
"""Files that are never generated: exact paths, and regular expressions after a `|`."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePosixPath

_PATTERN: Final = "|"


@functools.lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise BadValue("frozen files", _PATTERN + text, f"no regular expression: {error}") from None


def check(entry: str) -> None:
    """BadValue for an entry that can match nothing, or is no regular expression."""
    if entry.startswith(_PATTERN):
        _pattern(entry.removeprefix(_PATTERN))
    elif not entry.startswith("/"):
        raise BadValue("frozen files", entry, "expected an absolute path, or | and an expression")


def freezer(entries: Iterable[str], path: PurePosixPath) -> str | None:
    """Return the entry that freezes *path*, which a regular expression must match as a whole."""
    text = str(path)
    for entry in entries:
        if entry == text:
            return entry
        if entry.startswith(_PATTERN) and _pattern(entry.removeprefix(_PATTERN)).fullmatch(text):
            return entry
    return None

# SPDX-License-Identifier: Apache-2.0
"""Parameters as the kernel takes them, of itself and of its modules.

Source: kernel lib/cmdline.c, next_arg(), and kernel/params.c, parse_args(): words end at blanks
outside of double quotes, one pair of quotes goes, `-` is `_` in names, `--` ends them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BLANKS: Final = " \t\n\v\f\r"
_WORD: Final = re.compile(r'(?:[^" \t\n\v\f\r]|"[^"]*(?:"|\Z))+')


def words(text: str) -> Iterator[str]:
    """Yield each word with its quotes."""
    return (found[0] for found in _WORD.finditer(text))


def parameters(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield (name, value) of each parameter; the value is None where there is no `=`."""
    for word in words(text):
        bare = _without_quotes(word)
        name, equals, value = bare.partition("=")
        if bare == "--":
            return
        if value.startswith('"'):
            value = value[1:].removesuffix('"')
        yield name.replace("-", "_"), value if equals else None


def _without_quotes(word: str) -> str:
    return word[1:].removesuffix('"') if word.startswith('"') else word

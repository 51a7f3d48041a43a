# SPDX-License-Identifier: Apache-2.0
"""What a command takes, read from its usage line, so that completion follows what help says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_OPTIONS: Final = re.compile(r"\[(?:-[^\]]*|OPTIONS)\]|\(STATEMENTS\)")
_TOKEN: Final = re.compile(r"\[[^\]]*\]|\S+")


@dataclass(frozen=True, slots=True)
class Slot:
    """One argument, or several of the same."""

    meanings: tuple[str, ...]
    """Any of NAME, PROPERTY …; a word in small letters stands for itself."""
    optional: bool
    repeated: bool


def slots(usage: str) -> tuple[Slot, ...]:
    """Return the arguments that a usage line as `[NAME] PROPERTY VALUE…` names."""
    return tuple(_slot(token) for token in _TOKEN.findall(_OPTIONS.sub("", usage)))


def _slot(token: str) -> Slot:
    bare = token.strip("[]")
    return Slot(tuple(bare.rstrip("…").split("|")), token.startswith("["), bare.endswith("…"))

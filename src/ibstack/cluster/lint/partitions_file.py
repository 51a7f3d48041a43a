# SPDX-License-Identifier: Apache-2.0
"""What a partitions.conf says, as far as checks ask.

It is more forgiving than ibstack.subnet_manager's reader, which refuses files that a person may
well have: opensm/doc/partition-config.txt says what OpenSM takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import LintFile
    from ibstack.cluster.lint.finding import Place

DEFAULT_KEY: Final = 0x7FFF
_DEFAULT_NAME: Final = "Default"
_EVERYBODY: Final = ("ALL", "ALL_CAS")
_FULL: Final = ("full", "both")


@dataclass(frozen=True, slots=True)
class Definition:
    """One partition, or a part of one."""

    place: Place
    text: str
    name: str
    key: int
    members: tuple[tuple[str, str], ...]
    """Who, and how: "full", "limited" or "both"."""

    @property
    def everybody_full(self) -> bool:
        """Whether every host is a full member."""
        return any(who in _EVERYBODY and how in _FULL for who, how in self.members)

    @property
    def everybody(self) -> bool:
        """Whether every host is a member."""
        return any(who in _EVERYBODY for who, _ in self.members)


def definitions(file: LintFile) -> Iterator[Definition]:
    """Yield the definitions that can be read, in their order."""
    begun: list[str] = []
    place: Place | None = None
    for at, raw in file.lines():
        line = raw.partition("#")[0].strip()
        place = place or at
        begun.append(line)
        if line.endswith(";"):
            for text in " ".join(begun).split(";"):
                found = _read(place, text.strip())
                if found is not None:
                    yield found
            begun, place = [], None


def _read(place: Place, text: str) -> Definition | None:
    head, colon, rest = text.partition(":")
    first, *flags = (each.strip() for each in head.split(","))
    name, _, number = (each.strip() for each in first.partition("="))
    if not colon or not re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]*", number):
        return None
    default = "limited"
    for flag in flags:
        setting, _, value = (each.strip() for each in flag.partition("="))
        if setting == "defmember":
            default = value
    if not number and name != _DEFAULT_NAME:
        return None
    members = tuple(_member(each, default) for each in rest.split(",") if each.strip())
    key = int(number, 0) & DEFAULT_KEY if number else DEFAULT_KEY
    return Definition(place, text, name, key, members)


def _member(text: str, default: str) -> tuple[str, str]:
    who, _, how = (each.strip() for each in text.partition("="))
    return who, how or default

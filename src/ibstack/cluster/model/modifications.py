# SPDX-License-Identifier: Apache-2.0
"""Config file modifications: single keys of generated ini files, as roles have them.

`-/etc/x.conf[section]key` drops a key, `+/etc/x.conf[section]key=value` gives it a value.  In a
list the order of - and + does not matter: all is dropped first, then all is set.  `+` alone
replaces what was generated, and several `+` of one key are its several values.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from ibstack.fabric.errors import BadValue
from ibstack.formats.ini import edited, normal_section, refuse_key, refuse_section

if TYPE_CHECKING:
    from collections.abc import Sequence

_KIND = "config file modification"


class Operation(enum.Enum):
    """What is done with a key; the value is how it is written."""

    DROP = "-"
    SET = "+"


@dataclass(frozen=True, slots=True, order=False)
class Modification:
    """One item of a role's config file modifications."""

    operation: Operation
    path: PurePosixPath
    section: str
    key: str
    value: str = ""
    """Byte for byte what stands after the first `=`; empty for DROP."""

    @property
    def where(self) -> tuple[PurePosixPath, str, str]:
        """What it is about; two modifications with the same one are of the same key."""
        return self.path, normal_section(self.section), self.key

    def __str__(self) -> str:
        text = f"{self.operation.value}{self.path}[{self.section}]{self.key}"
        return text if self.operation is Operation.DROP else f"{text}={self.value}"


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Modification:
    """Read one item; BadValue that names what is wrong, and at which character."""
    operation = next(
        (operation for operation in Operation if text.startswith(operation.value)), None
    )
    if operation is None:
        _refuse(text, 0, "expected - or +, as in +/etc/x.conf[section]key=value")
    opened = text.find("[")
    path = text[1:opened] if opened > 0 else text[1:]
    _refuse_bad_path(text, path)
    if opened < 0:
        _refuse(text, len(text), "expected [section] after the path")
    closed = text.find("]", opened)
    if closed < 0:
        _refuse(text, len(text), "expected ] after the section")
    section = text[opened + 1 : closed]
    key, sign, value = text[closed + 1 :].partition("=")
    if operation is Operation.SET and not sign:
        _refuse(text, len(text), "expected = and a value; - drops a key")
    if operation is Operation.DROP and sign:
        _refuse(text, closed + 1 + len(key), "a key is dropped without a value; + sets one")
    _refuse_bad_words(text, (opened + 1, section), (closed + 1, key), value)
    return Modification(operation, PurePosixPath(path), section, key.strip(), value)


def _refuse_bad_path(text: str, path: str) -> None:
    parts = path.split("/")
    if not path.startswith("/") or path.endswith("/"):
        _refuse(text, 1, "expected the absolute path of a file")
    if {"", ".", ".."} & set(parts[1:]) or set(path) & set("\n\r\0"):
        _refuse(text, 1, "expected a path without empty parts, . and ..")


def _refuse_bad_words(
    text: str, section: tuple[int, str], key: tuple[int, str], value: str
) -> None:
    for (place, word), refuse in ((section, refuse_section), (key, refuse_key)):
        try:
            refuse(word.strip() if refuse is refuse_key else word)
        except BadValue as error:
            _refuse(text, place, error.why)
    if set(value) & set("\n\r\0"):
        _refuse(text, len(text) - len(value), "expected a value of one line")


def _refuse(text: str, place: int, why: str) -> NoReturn:
    raise BadValue(_KIND, text, f"at character {place + 1}: {why}")


def modified(content: bytes, modifications: Sequence[Modification], file: str) -> bytes:
    """Return the ini file *content* after *modifications*, whose paths are not looked at.

    NotIni for a file that is none; what no modification names stays byte for byte.
    """
    drop: list[tuple[str, str]] = []
    put: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in modifications:
        where = normal_section(each.section), each.key
        if each.operation is Operation.DROP:
            drop.append(where)
        else:
            put[where] = (*put.get(where, ()), each.value)
    # What is set anyway is not dropped before: it would lose its place in the file.
    kept = [where for where in drop if where not in put]
    spelled = {normal_section(each.section): each.section for each in modifications}
    named = {(spelled[section], key): values for (section, key), values in put.items()}
    return edited(content, drop=kept, put=named, file=file)

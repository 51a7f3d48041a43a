# SPDX-License-Identifier: Apache-2.0
"""Settings in ini files of ibstack's own: declared by section and key, and read in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Option(NamedTuple):
    """One key of a section."""

    field: str
    """The field of the settings that it is for."""
    read: Callable[[str], object] = str
    """Returns the value that a text stands for; ValueError says what was expected."""


Schema = Mapping[str, Mapping[str, Option]]
"""By section and key."""


def values_by_field(
    sections: Mapping[str, Mapping[str, str]],
    schema: Schema,
    faults: list[str],
    *,
    alternatives: Callable[[str, Iterable[str]], str],
    noun: str = "key",
) -> dict[str, object]:
    """Return the values of *sections* by field, and add to *faults* what is wrong, each a sentence.

    *alternatives* returns the end of a fault for a name that is not among those that are known.
    """
    found: dict[str, object] = {}
    for section, values in sections.items():
        options = schema.get(section)
        if options is None:
            faults.append(f"[{section}]: there is no such section{alternatives(section, schema)}")
            continue
        for key, value in values.items():
            option = options.get(key)
            if option is None:
                other = alternatives(key, options)
                faults.append(f"[{section}] {key}: there is no such {noun}{other}")
                continue
            try:
                found[option.field] = option.read(value)
            except ValueError as error:
                faults.append(f"[{section}] {key} = {value}: {error}")
    return found


def absolute_path(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("expected an absolute path")
    from pathlib import Path  # ibstack-eswitchd, which has no paths of this kind, starts without.

    return Path(text)


def number(least: int, most: int, what: str = "a number") -> Callable[[str], int]:
    """Return what reads a decimal number from *least* to *most*, both included."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"expected {what} from {least} to {most}")
        return int(text)

    return read


def secret_number(text: str, option: str, *, bits: int) -> int:
    """Return a number of at most *bits*, as 5 or 0x5; BadValue, which does not repeat the text."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << bits:
        raise BadValue(f"option {option}", "(hidden)", f"must be a number of at most {bits} bits")
    return value

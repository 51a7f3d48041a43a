# SPDX-License-Identifier: Apache-2.0
"""Keys of OpenSM's configuration and command line: which may be in force; hiding them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.opensm import command_line, configuration
from ibstack.formats.opensm.configuration import read_number
from ibstack.formats.opensm.in_force import read_hex_key

if TYPE_CHECKING:
    from ibstack.formats.opensm.in_force import Options

HIDDEN: Final = "(hidden)"
"""Stands in a collection for a key that was set."""
REFUSED: Final = "(hidden, and no number that OpenSM takes)"
"""Stands there for what OpenSM passes over: its default holds."""
_NO_SECRETS: Final = (0, 1)


def hidden_key(text: str) -> str:
    """Return what stands in a collection for a key of opensm.conf; 0 and 1 are no secrets."""
    said = configuration.value_of(text)
    number = read_number(said)
    if said in (HIDDEN, REFUSED):
        return text
    if number is None:
        return REFUSED
    return text if number in _NO_SECRETS else HIDDEN


def hidden_argument(text: str) -> str:
    """Return what stands in a collection for a key on OpenSM's command line."""
    is_known = text == HIDDEN or read_hex_key(text) in _NO_SECRETS
    return text if is_known else HIDDEN


def key(said: Options, name: str) -> int | None:
    """Return the key that opensm.conf says; None for one that is set, and hidden."""
    taken = [
        text for text in said.file.values(name) if text == HIDDEN or read_number(text) is not None
    ]
    return None if taken[-1:] == [HIDDEN] else said.file.number(name)


def sm_keys(said: Options) -> tuple[int | None, ...]:
    """Return the SM_Keys that may be in force; None for one that is set, and hidden."""
    told, by_file = said.told.last(command_line.SM_KEY), key(said, "sm_key")
    if told is None:
        return (by_file,)
    given = None if told == HIDDEN else read_hex_key(told)
    return (given, by_file) if said.file.values("sm_key") else (given,)

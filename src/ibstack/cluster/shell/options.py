# SPDX-License-Identifier: Apache-2.0
"""The options of a command: which it takes, and how they are read (by getopt)."""

from __future__ import annotations

import getopt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as `-n LIST` and `--nodes LIST`."""

    letter: str
    word: str
    value: str = ""
    """What its value is called in help; empty: it takes none."""
    help: str = ""

    def __str__(self) -> str:
        return f"-{self.letter}, --{self.word}{' ' * bool(self.value)}{self.value}"


@dataclass(frozen=True, slots=True)
class Given:
    """What was given to a command: options by their words, and the other arguments."""

    options: Mapping[str, str]
    arguments: tuple[str, ...]

    def has(self, word: str) -> bool:
        return word in self.options

    def get(self, word: str) -> str:
        """Return the option's value, or nothing."""
        return self.options.get(word, "")


def read(
    command: str, options: Sequence[Option], words: Sequence[str], *, first: bool = False
) -> Given:
    """Part *words* into options and arguments; BadInput for an option that there is not.

    *first*: options are only those that stand before all arguments.
    """
    if not options:
        return Given({}, tuple(words))
    letters = "".join(each.letter + ":" * bool(each.value) for each in options)
    long = [each.word + "=" * bool(each.value) for each in options]
    try:
        part = getopt.getopt if first else getopt.gnu_getopt
        found, arguments = part(list(words), letters, long)
    except getopt.GetoptError as error:
        raise BadInput(f"cannot run {command}: {error}; help {command} tells which") from error
    spelled = {f"-{each.letter}": each.word for each in options}
    return Given(
        {spelled.get(name, name.removeprefix("--")): value for name, value in found},
        tuple(arguments),
    )

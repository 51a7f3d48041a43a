# SPDX-License-Identifier: Apache-2.0
"""range: the devices that commands in the mode are about, until it is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.shell.command import Call, Command, in_kinds
from ibstack.cluster.shell.context import Moving, Selecting
from ibstack.cluster.shell.grammar import quote
from ibstack.cluster.shell.place import Range
from ibstack.cluster.shell.selection import GROUPING, selected

if TYPE_CHECKING:
    from ibstack.cluster.shell.options import Given


class _Choosing(Moving, Selecting, Protocol):
    """Choosing devices is going to the mode of them."""


def _range(shell: _Choosing, call: Call) -> None:
    before, shell.range = shell.range, None
    try:
        names = selected(shell, call.given)
    except BaseException:
        shell.range = before
        raise
    if names is not None:
        shell.range = Range(_typed(call.given), tuple(names))
    shell.go(shell.place.left())


def _typed(given: Given) -> str:
    """Return what was typed, as the prompt shows it."""
    letters = {each.word: each for each in GROUPING}
    words = []
    for word, value in given.options.items():
        words += [f"-{letters[word].letter}", *([quote(value)] if value else [])]
    return " ".join((*words, *map(quote, given.arguments)))


COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "range",
        "Let commands in the mode be about these devices; range alone ends it.",
        "[OPTIONS] [NAMES|*]",
        "device; range -n node001..node003; set category mellanox; range",
        _range,
        where=in_kinds("device"),
        options=GROUPING,
        stays=True,
        moves=True,
    ),
)

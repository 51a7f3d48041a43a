# SPDX-License-Identifier: Apache-2.0
"""Commands about many objects: foreach, statements at each; range, devices until it is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.model import edits
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.naming import noun
from ibstack.cluster.shell.command import IN_A_MODE, Call, Command, in_kinds
from ibstack.cluster.shell.context import Attended, Moving, OnStore, Running, Selecting
from ibstack.cluster.shell.grammar import quote
from ibstack.cluster.shell.node_list import expand
from ibstack.cluster.shell.options import Given, Option
from ibstack.cluster.shell.place import Place, Range
from ibstack.cluster.shell.selection import GROUPING, named, selected
from ibstack.cluster.shell.subject import object_named
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.shell.grammar import Statement
    from ibstack.cluster.shell.options import Given

_GROUPS: Final = tuple(each.word for each in GROUPING)


class _Looping(Attended, Moving, OnStore, Running, Selecting, Protocol):
    """Statements for each object of many, gathered into one commit."""


def _foreach(shell: _Looping, call: Call) -> None:
    if call.block is None:
        raise BadInput("cannot run foreach: no (…) follows; write foreach NAMES (COMMANDS)")
    given = call.given
    makes = [word for word in ("clone", "add") if given.has(word)]
    if len(makes) > 1:
        raise BadInput("cannot run foreach: --clone and --add exclude each other; use one")
    names = _new_names(shell, given) if makes else _names(shell, given)
    if makes:
        _make_all(shell, given, names)
    quits, here = given.has("quitonunknown"), shell.place
    with shell.commit_flow.gathering(), shell.aside():
        for name in names:
            if not _turn(shell, here.object(name), call.block, given.has("verbose"), quits):
                break


def _turn(
    shell: _Looping, path: EntityPath, block: Sequence[Statement], verbose: bool, quits: bool
) -> bool:
    """Run the statements at one object; False: no other shall follow."""
    if verbose:
        shell.output.say(f"==== {shell.clock():%a %b %d %H:%M:%S %Y} {path.name} ====")
    shell.place = Place.at(path)
    before = shell.output.failures
    shell.chain(block, comes_back=True)
    return not (shell.finished or (quits and shell.output.failures > before))


def _names(shell: _Looping, given: Given) -> list[str]:
    kind = KINDS[shell.place.kind]
    groups = [word for word in _GROUPS if given.has(word)]
    if kind.name == "device":
        names = selected(shell, given)
    elif groups:
        raise BadInput(f"cannot run foreach --{groups[0]}: it is for devices; name the objects")
    else:
        place = shell.place
        words = given.arguments
        names = named(shell.draft, kind.name, place.parent, words) if words else None
    if names is None:
        raise BadInput(f"cannot run foreach: no {noun(kind.name)} is named; write names, or *")
    return names


def _new_names(shell: _Looping, given: Given) -> list[str]:
    """Return the names of what is to be made."""
    text = " ".join((given.get("nodes"), *given.arguments))
    names = expand(text)
    if not names:
        raise BadInput("cannot run foreach: no names for what is to be made; write them")
    return names


def _make_all(shell: _Looping, given: Given, names: Sequence[str]) -> None:
    """Make what is missing of the objects, or none of them."""
    made: list[EntityPath] = []
    try:
        for name in names:
            path = shell.place.object(name)
            new = shell.draft.get(path) is None
            _make(shell, given, name)
            made += [path] if new else []
    except IbstackError:
        for path in made:
            shell.draft.remove(path)
        raise


def _make(shell: _Looping, given: Given, name: str) -> None:
    place = shell.place
    if given.has("clone"):
        source = object_named(shell, given.get("clone"), "clone")
        edits.clone(shell.draft, source.path, name)
    elif shell.draft.get(place.object(name)) is None:
        edits.add(shell.draft, place.kind, name, place.parent, given.get("add"))


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
        "foreach",
        "Run statements at each of many objects; what they commit is one commit.",
        "[OPTIONS] [NAMES|*] (STATEMENTS)",
        "device foreach -n node001..node003 (set category mellanox; commit)",
        _foreach,
        where=IN_A_MODE,
        options=(
            *GROUPING,
            Option("o", "clone", "SOURCE", "first clone it to each name"),
            Option("a", "add", "TYPE", "first add devices of that type that are missing"),
            Option("q", "quitonunknown", "", "stop where a statement fails"),
            Option("v", "verbose", "", "print the time and each name"),
        ),
        takes_block=True,
    ),
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

# SPDX-License-Identifier: Apache-2.0
"""foreach: the same statements for many objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model import edits
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.naming import noun
from ibstack.cluster.shell.command import IN_A_MODE, Call, Command
from ibstack.cluster.shell.node_list import expand
from ibstack.cluster.shell.options import Given, Option
from ibstack.cluster.shell.place import Place
from ibstack.cluster.shell.selection import GROUPING, named, selected
from ibstack.cluster.shell.subject import object_named
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.shell.grammar import Statement
    from ibstack.cluster.shell.session import Session

_GROUPS: Final = tuple(each.word for each in GROUPING)


def _foreach(session: Session, call: Call) -> None:
    if call.block is None:
        raise BadInput("cannot run foreach: no (…) follows; write foreach NAMES (COMMANDS)")
    given = call.given
    makes = [word for word in ("clone", "add") if given.has(word)]
    if len(makes) > 1:
        raise BadInput("cannot run foreach: --clone and --add exclude each other; use one")
    names = _new_names(session, given) if makes else _names(session, given)
    if makes:
        _make_all(session, given, names)
    quits, here = given.has("quitonunknown"), session.place
    # What the loop names was reached, whatever was not before it.
    astray, session.astray = session.astray, None
    with session.saving.gathering():
        try:
            for name in names:
                if not _turn(session, here.object(name), call.block, given.has("verbose"), quits):
                    break
        finally:
            session.place, session.astray = here, astray


def _turn(
    session: Session, path: EntityPath, block: Sequence[Statement], verbose: bool, quits: bool
) -> bool:
    """Run the statements at one object; False: no other shall follow."""
    if verbose:
        session.say(f"==== {session.clock():%a %b %d %H:%M:%S %Y} {path.name} ====")
    session.place = Place.at(path)
    before = session.failures
    session.chain(block, comes_back=True)
    return not (session.finished or (quits and session.failures > before))


def _names(session: Session, given: Given) -> list[str]:
    kind = KINDS[session.place.kind]
    groups = [word for word in _GROUPS if given.has(word)]
    if kind.name == "device":
        names = selected(session, given)
    elif groups:
        raise BadInput(f"cannot run foreach --{groups[0]}: it is for devices; name the objects")
    else:
        place = session.place
        words = given.arguments
        names = named(session.draft, kind.name, place.parent, words) if words else None
    if names is None:
        raise BadInput(f"cannot run foreach: no {noun(kind.name)} is named; write names, or *")
    return names


def _new_names(session: Session, given: Given) -> list[str]:
    """Return the names of what is to be made."""
    text = " ".join((given.get("nodes"), *given.arguments))
    names = expand(text)
    if not names:
        raise BadInput("cannot run foreach: no names for what is to be made; write them")
    return names


def _make_all(session: Session, given: Given, names: Sequence[str]) -> None:
    """Make what is missing of the objects, or none of them."""
    made: list[EntityPath] = []
    try:
        for name in names:
            path = session.place.object(name)
            new = session.draft.get(path) is None
            _make(session, given, name)
            made += [path] if new else []
    except IbstackError:
        for path in made:
            session.draft.remove(path)
        raise


def _make(session: Session, given: Given, name: str) -> None:
    place = session.place
    if given.has("clone"):
        source = object_named(session, given.get("clone"), "clone")
        edits.clone(session.draft, source.path, name)
    elif session.draft.get(place.object(name)) is None:
        edits.add(session.draft, place.kind, name, place.parent, given.get("add"))


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
)

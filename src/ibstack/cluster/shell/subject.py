# SPDX-License-Identifier: Apache-2.0
"""The object that a command is about: the one that it names, or the one that one is at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.naming import find_name, noun, spoken, the_object
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.shell.context import AtObject


def object_named(shell: AtObject, name: str, doing: str) -> Entity:
    """Return the object of that name in the mode or submode; BadInput where there is none."""
    place = shell.place
    known = find_name(shell.draft, place.kind, name, place.parent)
    path = place.object(known or name)
    if known is None:
        _refuse_inherited(shell, path, doing)
    return the_object(shell.draft, path, doing)


def subject(shell: AtObject, words: Sequence[str], doing: str) -> tuple[Entity, Sequence[str]]:
    """Part `[NAME] PROPERTY …` into the object that is meant, and the rest."""
    at = shell.place.path
    kind = KINDS[shell.place.kind]
    if at is not None:
        # A property's name counts first, so that an object of the same name cannot hide it.
        if len(words) < 2 or kind.find(words[0]) or not _is_name(shell, words[0]):
            return the_object(shell.draft, at, doing), words
        return object_named(shell, words[0], doing), words[1:]
    if not words or (kind.find(words[0]) and not _is_name(shell, words[0])):
        raise BadInput(_none_chosen(shell, doing))
    return object_named(shell, words[0], doing), words[1:]


def the_one(shell: AtObject, words: Sequence[str], doing: str) -> Entity:
    """Return the object that the only word names, or the one that one is at."""
    if len(words) > 1:
        raise BadInput(f"cannot {doing} {' '.join(words)}: it takes one name")
    if words:
        return object_named(shell, words[0], doing)
    if shell.place.path is None:
        raise BadInput(_none_chosen(shell, doing))
    return the_object(shell.draft, shell.place.path, doing)


def _is_name(shell: AtObject, word: str) -> bool:
    place = shell.place
    return find_name(shell.draft, place.kind, word, place.parent) is not None


def _none_chosen(shell: AtObject, doing: str) -> str:
    what = noun(shell.place.kind)
    return f"cannot {doing}: no {what} is chosen; use NAME first, or name it in the command"


def _refuse_inherited(shell: AtObject, path: EntityPath, doing: str) -> None:
    """Say where an object is that a device has from its category."""
    owner = path.parent
    device = shell.draft.get(owner) if owner is not None and owner.kind == "device" else None
    category = device.text("category") if device else ""
    if not category or owner is None:
        return
    above = EntityPath.of("category", category).inside(path.kind, path.name)
    if shell.draft.get(above) is not None:
        word = "assign" if KINDS[path.kind].names else "add"
        raise BadInput(
            f"cannot {doing} {spoken(path)}: it is category {category}'s; change it there, or"
            f" {word} {path.name} for one of {owner.name}'s own"
        )

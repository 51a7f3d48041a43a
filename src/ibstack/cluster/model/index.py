# SPDX-License-Identifier: Apache-2.0
"""Who refers to an object, and who has an address: found without a look at all objects."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.state import Draft, State, View
from ibstack.cluster.model.value import NO_ADDRESS, NO_MAC, Mac, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ibstack.cluster.model.entity import Entity, EntityPath

ADDRESS: Final = "ip"
HARDWARE_ADDRESS: Final = "mac"

Key = tuple[str, str]
"""(kind, name) of an object of the top level; (ADDRESS, text); (HARDWARE_ADDRESS, text)."""

_WITH_ADDRESSES: Final = frozenset({"device", "interfaces"})


def saying(view: View, key: Key) -> list[EntityPath]:
    """Return the objects that refer to *key*, or have that address, in their order."""
    if isinstance(view, State):
        return sorted(_of_state(view).get(key, ()))
    overlay = _overlay(view)
    base = _of_state(view.base).get(key, ())
    return sorted([*(path for path in base if path not in view.edits), *overlay.paths(key)])


def first_free(view: View, numbers: Iterable[int]) -> int | None:
    """Return the first of *numbers*, addresses as IPv4 counts them, that no object has."""
    if isinstance(view, State):
        taken = _addresses_of(view)
        return next((number for number in numbers if number not in taken), None)
    overlay = _overlay(view)
    known = _addresses_of(view.base)
    for number in numbers:
        if number in overlay.addresses:
            continue
        if number not in known:
            return number
        # The draft may have taken it from whoever has it in the state.
        if number in overlay.touched and not saying(view, _address_key(number)):
            return number
    return None


class _Overlay:
    """The keys that a draft's edited objects say.  It keeps no draft: it is kept by its draft."""

    def __init__(self) -> None:
        self._paths: dict[Key, dict[EntityPath, None]] = {}
        self._keys: dict[EntityPath, tuple[Key, ...]] = {}
        self._read = 0
        self.addresses: set[int] = set()
        """Those that edited objects have."""
        self.touched: set[int] = set()
        """Those that objects have in the state that are, or once were, edited in the draft."""

    def paths(self, key: Key) -> Iterable[EntityPath]:
        return self._paths.get(key, ())

    def read_on(self, draft: Draft) -> None:
        """Take in what was edited since the last time."""
        for path in draft.log[self._read :]:
            for key in self._keys.pop(path, ()):
                del self._paths[key][path]
                if key[0] == ADDRESS and not self._paths[key]:
                    self.addresses.discard(_number(key))
            entity = draft.edits.get(path)
            if entity is not None:
                self._keys[path] = keys = tuple(dict.fromkeys(_keys(entity)))
                for key in keys:
                    self._paths.setdefault(key, {})[path] = None
                self.addresses.update(_numbers(keys))
            before = draft.base.get(path) if path in draft.edits else None
            if before is not None:
                self.touched.update(_numbers(_keys(before)))
        self._read = len(draft.log)


_STATES: Final[WeakKeyDictionary[State, Mapping[Key, Iterable[EntityPath]]]] = WeakKeyDictionary()
_ADDRESSES: Final[WeakKeyDictionary[State, frozenset[int]]] = WeakKeyDictionary()
_DRAFTS: Final[WeakKeyDictionary[Draft, _Overlay]] = WeakKeyDictionary()


def _overlay(draft: Draft) -> _Overlay:
    found = _DRAFTS.get(draft)
    if found is None:
        found = _DRAFTS[draft] = _Overlay()
    found.read_on(draft)
    return found


def _addresses_of(state: State) -> frozenset[int]:
    found = _ADDRESSES.get(state)
    if found is None:
        found = _ADDRESSES[state] = frozenset(_numbers(_of_state(state)))
    return found


def _numbers(keys: Iterable[Key]) -> Iterator[int]:
    return (_number(key) for key in keys if key[0] == ADDRESS)


def _number(key: Key) -> int:
    return int(ipaddress.IPv4Address(key[1]))


def _address_key(number: int) -> Key:
    return ADDRESS, str(ipaddress.IPv4Address(number))


def _of_state(state: State) -> Mapping[Key, Iterable[EntityPath]]:
    found = _STATES.get(state)
    if found is None:
        made: dict[Key, list[EntityPath]] = {}
        for entity in state:
            for key in dict.fromkeys(_keys(entity)):
                made.setdefault(key, []).append(entity.path)
        found = _STATES[state] = made
    return found


def _keys(entity: Entity) -> Iterator[Key]:
    kinds = _referenced_kinds(entity.path.kind)
    for name, value in entity.values.items():
        what = kinds.get(name)
        if what is None or value in (NO_ADDRESS, NO_MAC, ""):
            continue
        yield from ((what, word) for word in words_of(value))


@cache
def _referenced_kinds(kind: str) -> Mapping[str, str]:
    """Return what the properties of *kind* say: a kind, ADDRESS or HARDWARE_ADDRESS."""
    found = dict(KINDS[kind].references)
    if kind in _WITH_ADDRESSES:
        found[ADDRESS] = ADDRESS
        found |= {
            each.name: HARDWARE_ADDRESS
            for each in KINDS[kind].properties
            if isinstance(each.type, Mac)
        }
    return found


@dataclass(frozen=True, slots=True)
class Use:
    """One place where an object is referred to."""

    type: str
    """What refers to it: "Category"."""
    name: str
    """That object's name."""
    parameter: str
    """Its property; of an object inside it, after that object: "roles[openstacknode]->fabric"."""
    path: EntityPath
    """Of what refers to it, the innermost."""

    def __str__(self) -> str:
        return f"{self.type.lower()} {self.name} ({self.parameter})"


def used_by(view: View, path: EntityPath) -> tuple[Use, ...]:
    """Return the places outside the object that refer to it."""
    if path.parent is not None:
        return tuple(_siblings(view, path))
    found = []
    for user in saying(view, (path.kind, path.name)):
        entity = view.get(user)
        if entity is not None and not user.is_inside(path):
            found += [_use(user, name) for name in _referring(entity, path)]
    return tuple(found)


def _referring(entity: Entity, path: EntityPath) -> Iterator[str]:
    """Yield the properties of *entity* that name the object."""
    known = KINDS[entity.path.kind].references
    for name, value in entity.values.items():
        if known.get(name) == path.kind and path.name in words_of(value):
            yield name


def _siblings(view: View, path: EntityPath) -> Iterator[Use]:
    """Yield the bonds and bridges of the same device that are made of the interface."""
    if path.kind != "interfaces":
        return
    for sibling in view.children(path.parent, (path.kind,)):
        if path.name in sibling.words("interfaces"):
            yield _use(sibling.path, "interfaces")


def _use(user: EntityPath, name: str) -> Use:
    inner = "".join(f"{kind}[{inside}]->" for kind, inside in user.steps[1:])
    return Use(KINDS[user.top.kind].singular, user.top.name, inner + name, user)

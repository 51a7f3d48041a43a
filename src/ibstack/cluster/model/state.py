# SPDX-License-Identifier: Apache-2.0
"""A committed state of all objects, and a draft: the same with edits that nobody else sees yet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.natural_order import natural_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ibstack.cluster.model.entity import Entity


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after; None: it is not there."""

    path: EntityPath
    before: Entity | None
    after: Entity | None


class _Names:
    """Which names there are: by the object they are inside of, and by kind."""

    def __init__(self, paths: Iterable[EntityPath] = ()) -> None:
        self._names: dict[EntityPath | None, dict[str, dict[str, None]]] = {}
        self._sorted: dict[tuple[EntityPath | None, str], list[str]] = {}
        for path in paths:
            self.add(path)

    def add(self, path: EntityPath) -> None:
        parent, kind = path.parent, path.kind
        self._names.setdefault(parent, {}).setdefault(kind, {})[path.name] = None
        self._sorted.pop((parent, kind), None)

    def discard(self, path: EntityPath) -> None:
        parent, kind = path.parent, path.kind
        self.of(parent, kind).pop(path.name, None)
        self._sorted.pop((parent, kind), None)

    def of(self, parent: EntityPath | None, kind: str) -> dict[str, None]:
        return self._names.get(parent, {}).get(kind, {})

    def sorted(self, parent: EntityPath | None, kind: str) -> list[str]:
        found = self._sorted.get((parent, kind))
        if found is None:
            found = sorted(self.of(parent, kind), key=natural_key)
            self._sorted[parent, kind] = found
        return found

    def inside(self, parent: EntityPath) -> Iterator[EntityPath]:
        """Yield the paths of everything inside *parent*, the innermost first."""
        for kind, names in list(self._names.get(parent, {}).items()):
            for name in list(names):
                path = parent.inside(kind, name)
                yield from self.inside(path)
                yield path

    def changed(self, added: Sequence[EntityPath], removed: Sequence[EntityPath]) -> _Names:
        """Return the names after those changes; what they do not touch is shared."""
        if not added and not removed:
            return self
        after = _Names()
        after._names = dict(self._names)
        after._sorted = dict(self._sorted)
        for parent, kind in {(path.parent, path.kind) for path in (*added, *removed)}:
            kinds = dict(after._names.get(parent, {}))
            kinds[kind] = dict(kinds.get(kind, {}))
            after._names[parent] = kinds
        for path in removed:
            after.discard(path)
        for path in added:
            after.add(path)
        return after


class State:
    """All objects as of one commit.  Immutable; safe to share between threads."""

    def __init__(self, entities: Iterable[Entity] = (), revision: int = 0) -> None:
        """*revision*: number of the last commit; 0: nothing was ever committed."""
        self.revision = revision
        self._entities = {entity.path: entity for entity in entities}
        self._known_names: _Names | None = None

    def __len__(self) -> int:
        return len(self._entities)

    def __iter__(self) -> Iterator[Entity]:
        """Every object, in no order."""
        return iter(self._entities.values())

    def get(self, path: EntityPath) -> Entity | None:
        """Return the object; None where there is none."""
        return self._entities.get(path)

    def names(self, kind: str, parent: EntityPath | None = None) -> list[str]:
        """Return the names of the objects of *kind* inside *parent*, in natural order."""
        return list(self._names.sorted(parent, kind))

    def children(self, parent: EntityPath | None, kinds: Iterable[str]) -> Iterator[Entity]:
        """Yield the objects of *kinds* directly inside *parent*, or of the top level for None."""
        for kind in kinds:
            for name in self._names.sorted(parent, kind):
                yield self._entities[EntityPath.below(parent, kind, name)]

    def inside(self, path: EntityPath) -> Iterator[Entity]:
        """Yield all that is inside the object, the innermost first."""
        return (self._entities[inner] for inner in self._names.inside(path))

    def with_changes(self, changes: Iterable[Change], revision: int) -> State:
        """Return the state after *changes*; what they say of before is not looked at."""
        after = State((), revision)
        after._entities = entities = dict(self._entities)
        added, removed = [], []
        for change in changes:
            if change.after is not None:
                if change.path not in entities:
                    added.append(change.path)
                entities[change.path] = change.after
            elif entities.pop(change.path, None) is not None:
                removed.append(change.path)
        after._known_names = self._names.changed(added, removed)
        return after

    @property
    def _names(self) -> _Names:
        # Made when they are asked for: the prompt of a shell does without.
        if self._known_names is None:
            self._known_names = _Names(self._entities)
        return self._known_names


class Draft:
    """A state and edits on top of it.  Not safe to share between threads."""

    def __init__(self, base: State) -> None:
        self.base = base
        self._edits: dict[EntityPath, Entity | None] = {}
        self._added = _Names()
        self._removed = _Names()
        # How many edits there are of the object or inside it, so that no prompt counts them.
        self._pending: Counter[EntityPath] = Counter()
        self.log: list[EntityPath] = []
        """Every path that was edited, in order; who keeps an index of the draft reads on in it."""

    @property
    def edits(self) -> Mapping[EntityPath, Entity | None]:
        """The edited objects; None: removed."""
        return self._edits

    def get(self, path: EntityPath) -> Entity | None:
        """Return the object as edited; None where there is none (any more)."""
        return self._edits[path] if path in self._edits else self.base.get(path)

    def names(self, kind: str, parent: EntityPath | None = None) -> list[str]:
        names = self.base.names(kind, parent)
        added, removed = self._added.of(parent, kind), self._removed.of(parent, kind)
        if not added and not removed:
            return names
        return sorted([*(name for name in names if name not in removed), *added], key=natural_key)

    def children(self, parent: EntityPath | None, kinds: Iterable[str]) -> Iterator[Entity]:
        for kind in kinds:
            for name in self.names(kind, parent):
                child = self.get(EntityPath.below(parent, kind, name))
                if child is not None:
                    yield child

    def inside(self, path: EntityPath) -> Iterator[Entity]:
        for inner in [*(each.path for each in self.base.inside(path)), *self._added.inside(path)]:
            entity = self.get(inner)
            if entity is not None:
                yield entity

    def put(self, entity: Entity) -> None:
        """Add the object, or replace the one at its path."""
        path = entity.path
        known = self.base.get(path)
        self._forget(path)
        if known == entity:
            return
        self._note(path, entity)
        if known is None:
            self._added.add(path)

    def remove(self, path: EntityPath) -> None:
        """Remove the object and all that is inside it."""
        for gone in [*(entity.path for entity in self.inside(path)), path]:
            self._forget(gone)
            if self.base.get(gone) is not None:
                self._note(gone, None)
                self._removed.add(gone)

    def refresh(self, path: EntityPath | None = None) -> None:
        """Drop the edits of the object and of what is inside it; of all objects for None."""
        for edited in [each for each in self._edits if path is None or each.is_inside(path)]:
            self._forget(edited)

    def changes(self, within: EntityPath | None = None) -> tuple[Change, ...]:
        """Return the edits, of *within* only or all of them, in the order of their paths."""
        if within is not None and not self._pending[within]:
            return ()
        return tuple(
            Change(path, self.base.get(path), self._edits[path])
            for path in sorted(
                path for path in self._edits if within is None or path.is_inside(within)
            )
        )

    def is_edited(self, path: EntityPath) -> bool:
        """Tell whether the object, or anything inside it, has an uncommitted edit."""
        return self._pending[path] > 0

    def edited_kinds(self, parent: EntityPath | None = None) -> frozenset[str]:
        """Return the kinds inside *parent*, or at the top level, that have uncommitted edits."""
        depth = len(parent.steps) if parent else 0
        if parent is not None and not self._pending[parent]:
            return frozenset()
        return frozenset(
            path.steps[depth][0]
            for path in self._edits
            if len(path.steps) > depth and (parent is None or path.is_inside(parent))
        )

    def rebased(self, base: State) -> Draft:
        """Return the same edits on top of another state."""
        draft = Draft(base)
        for path, entity in self._edits.items():
            if entity is None and base.get(path) is not None:
                draft.remove(path)
        for entity in self._edits.values():
            if entity is not None:
                draft.put(entity)
        return draft

    def _note(self, path: EntityPath, entity: Entity | None) -> None:
        self._edits[path] = entity
        self._pending.update(path.ancestors())

    def _forget(self, path: EntityPath) -> None:
        self.log.append(path)
        if path not in self._edits:
            return
        del self._edits[path]
        self._pending.subtract(path.ancestors())
        self._added.discard(path)
        self._removed.discard(path)


View = State | Draft
"""Objects to look at."""

# SPDX-License-Identifier: Apache-2.0
"""What stands between some changes and the commits made since the state that they change.

Pure.  A commit and an `undo` ask the same question: these changes were thought out on the state of
commit N; what others have committed since, does it leave them their meaning?
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.state import Change
from ibstack.cluster.model.value import words_of
from ibstack.cluster.store.commit import altered, same_object, shown
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import State
    from ibstack.cluster.store.commit import Commit

_MOST_LINES: Final = 10


@dataclass(frozen=True, slots=True)
class Clash:
    """One thing that a commit did, and that hinders."""

    commit: Commit
    path: EntityPath
    property: str
    """Empty: the object as a whole."""
    what: str
    """`before → after`, or "added", or "removed"."""
    because: str = ""
    """How it hinders, where that is not plain: "device/node001 category names it"."""

    def __str__(self) -> str:
        subject = f"{self.path} {self.property}".rstrip()
        because = f" ({self.because})" if self.because else ""
        return f"{self.commit}: {subject}: {self.what}{because}"


@dataclass(eq=False)
class Conflict(Refused):
    """Others have committed what these changes would undo, or need; nothing was changed."""

    wanted: str
    clashes: tuple[Clash, ...]
    remedy: str

    exit_code = 3

    def __str__(self) -> str:
        lines = [f"cannot {self.wanted}: changed under it; {self.remedy}"]
        lines += [f"  {clash}" for clash in self.clashes[:_MOST_LINES]]
        if len(self.clashes) > _MOST_LINES:
            lines.append(f"  and {len(self.clashes) - _MOST_LINES} more")
        return "\n".join(lines)


@dataclass(slots=True)
class Net:
    """What several commits together did to one object."""

    before: Entity | None
    after: Entity | None
    steps: list[tuple[Commit, Change]] = field(default_factory=list)

    @property
    def what(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "replaced"

    def last(self) -> Commit:
        return self.steps[-1][0]

    def last_to_change(self, name: str) -> Commit:
        """Return the last commit that changed the property."""
        for commit, change in reversed(self.steps):
            names = altered(change.before, change.after)
            if names is None or name in names:
                return commit
        return self.last()


def net_changes(commits: Sequence[Commit]) -> dict[EntityPath, Net]:
    """Return what *commits*, in their order, did together; what they took back is not in it."""
    found: dict[EntityPath, Net] = {}
    for commit in commits:
        for change in commit.changes:
            net = found.setdefault(change.path, Net(change.before, change.after))
            net.after = change.after
            net.steps.append((commit, change))
    return {path: net for path, net in found.items() if not same_object(net.before, net.after)}


def references(entity: Entity | None) -> dict[EntityPath, str]:
    """Return what an object refers to, and by which of its properties."""
    if entity is None or entity.path.kind not in KINDS:
        return {}
    return {
        EntityPath.of(target, each): name
        for name, target in KINDS[entity.path.kind].references.items()
        for each in words_of(entity.values.get(name, ()))
        if each
    }


def clashes(
    ours: Sequence[Change], theirs: Sequence[Commit], *, by_property: bool = False
) -> tuple[Clash, ...]:
    """Return what in *theirs* hinders *ours*, in the order of the paths.

    *by_property*: only what a change really alters counts, not the whole object that it touches.
    """
    nets = net_changes(theirs)
    if not nets:
        return ()
    by_path = {change.path: change for change in ours}
    found = [
        *_same_objects(by_path, nets, by_property),
        *_lost_by_ours(by_path, nets, by_property),
        *_lost_by_theirs(by_path, nets),
    ]
    return tuple(sorted(found, key=lambda c: (c.path, c.property, c.because)))


def _same_objects(
    ours: Mapping[EntityPath, Change], nets: Mapping[EntityPath, Net], by_property: bool
) -> Iterator[Clash]:
    for path in ours.keys() & nets.keys():
        net, change = nets[path], ours[path]
        names = altered(net.before, net.after)
        if names is None:
            yield Clash(net.last(), path, "", net.what)
            continue
        if by_property:
            # None, the whole object, stands for all of its properties.
            altered_by_ours = altered(change.before, change.after)
            names = names if altered_by_ours is None else names & altered_by_ours
        for name in names:
            yield Clash(net.last_to_change(name), path, name, _turned(net, name))


def _lost_by_ours(
    ours: Mapping[EntityPath, Change], nets: Mapping[EntityPath, Net], by_property: bool
) -> Iterator[Clash]:
    """Yield what ours need, and theirs removed."""
    gone = {path: net for path, net in nets.items() if net.after is None}
    for path, change in ours.items() if gone else ():
        if change.after is None:
            continue
        for outer in _around(path):
            if outer in gone:
                yield Clash(gone[outer].last(), outer, "", "removed", f"{path} is inside it")
        known = references(change.before) if by_property else {}
        for target, name in references(change.after).items():
            if target in gone and target not in ours and target not in known:
                yield Clash(gone[target].last(), target, "", "removed", f"{path} {name} names it")


def _lost_by_theirs(
    ours: Mapping[EntityPath, Change], nets: Mapping[EntityPath, Net]
) -> Iterator[Clash]:
    """Yield what theirs need, and ours remove."""
    gone = {path for path, change in ours.items() if change.after is None}
    for path, net in nets.items() if gone else ():
        if net.after is None or path in ours:
            continue
        for outer in _around(path):
            if outer in gone:
                yield Clash(net.last(), path, "", net.what, f"it is inside {outer}")
        for target, name in references(net.after).items():
            if target in gone and target not in references(net.before):
                because = f"it names {target}, which is to go"
                yield Clash(net.last_to_change(name), path, name, _turned(net, name), because)


def _turned(net: Net, name: str) -> str:
    before = shown(net.before.values, name) if net.before else "unset"
    return f"{before} → {shown(net.after.values, name) if net.after else 'unset'}"


def _around(path: EntityPath) -> Iterator[EntityPath]:
    """Yield the objects that *path* is inside of."""
    outer = path.parent
    while outer is not None:
        yield outer
        outer = outer.parent


def reversal(commit: Commit, head: State, later: Sequence[Commit]) -> tuple[Change, ...]:
    """Return the changes of *head* that take *commit* back; *later*: all commits after it.

    A property that no longer has the value that the commit gave it is a Conflict, as is an object
    that something of later needs.
    """
    wanted = [Change(change.path, change.after, change.before) for change in commit.changes]
    found = clashes(wanted, later, by_property=True)
    if found:
        raise Conflict(f"undo commit {commit.number}", found, "undo or change these first")
    return tuple(_on(head, change) for change in wanted)


def _on(head: State, change: Change) -> Change:
    """Return the change with what later commits made of the object's other properties."""
    present = head.get(change.path)
    names = altered(change.before, change.after)
    if names is None or present is None or change.after is None:
        return Change(change.path, present, change.after)
    return Change(change.path, present, _with(present, names, change.after))


def _with(present: Entity, names: frozenset[str], after: Entity) -> Entity:
    """Return *present* with those properties as *after* has them."""
    for name in names:
        value = after.values.get(name)
        present = present.without_value(name) if value is None else present.with_value(name, value)
    return present

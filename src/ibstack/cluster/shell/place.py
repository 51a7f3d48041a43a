# SPDX-License-Identifier: Apache-2.0
"""Where in the shell one is: nowhere, in a mode, at an object, in a submode, at an object in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.shell.grammar import quote


@dataclass(frozen=True, slots=True)
class Place:
    """A mode, and from it down: pairs of a kind and the name of an object of it.

    Only the last name may be empty: one is in the mode or submode, and at none of its objects.
    """

    levels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def at(cls, path: EntityPath) -> Place:
        """Return the place of an object."""
        return cls(path.steps)

    @property
    def kind(self) -> str:
        """The mode or submode that one is in; empty at the top."""
        return self.levels[-1][0] if self.levels else ""

    @property
    def mode(self) -> str:
        """The mode of the top level that one is in; empty at the top."""
        return self.levels[0][0] if self.levels else ""

    @property
    def path(self) -> EntityPath | None:
        """The object that one is at; None: one is at none."""
        return EntityPath(self.levels) if self.levels and self.levels[-1][1] else None

    @property
    def parent(self) -> EntityPath | None:
        """The object that the submode belongs to; None in a mode, and at the top."""
        return EntityPath(self.levels[:-1]) if len(self.levels) > 1 else None

    @property
    def owner(self) -> EntityPath | None:
        """The object that a submode word typed here belongs to; None: there is none."""
        return self.path if self.path is not None else self.parent

    def object(self, name: str) -> EntityPath:
        """Return the path of the object *name* of the mode or submode that one is in."""
        return EntityPath.below(self.parent, self.kind, name)

    def use(self, name: str) -> Place:
        """Move to the object *name* of the same mode or submode."""
        return Place((*self.levels[:-1], (self.kind, name)))

    def left(self) -> Place:
        """Move from an object to its mode or submode; stay elsewhere."""
        return self.use("") if self.levels else self

    def up(self) -> Place:
        """Go up one level."""
        return self.left() if self.path is not None else Place(self.levels[:-1])

    def enter(self, mode: str) -> Place:
        """Go to a mode of the top level."""
        return Place(((mode, ""),))

    def enter_submode(self, owner: EntityPath, submode: str, name: str = "") -> Place:
        """Go into a submode of an object; *name*: to that object in it."""
        return Place((*owner.steps, (submode, name)))

    def retargeted(self, name: str) -> Place:
        """Move to another object of the mode, and stay in the submode that one is in."""
        kept = tuple((kind, "") for kind, _ in self.levels[1:2])
        return Place(((self.mode, name), *kept))

    def commands(self) -> str:
        """Return what brings one here, typed anywhere."""
        steps = ["home"]
        for kind, name in self.levels:
            steps.append(kind)
            if name and name != SINGLE:
                steps.append(f"use {quote(name)}")
        return ";".join(steps) + ";"


TOP: Final = Place()


@dataclass(frozen=True, slots=True)
class Range:
    """The devices that commands in the mode are about."""

    text: str
    """As it was typed: `-n node001..node003`."""
    names: tuple[str, ...]

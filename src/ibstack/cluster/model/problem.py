# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.naming import spoken

if TYPE_CHECKING:
    from ibstack.cluster.model.entity import EntityPath


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or that somebody may not have meant."""

    path: EntityPath
    field: str
    """The property's label."""
    message: str
    is_error: bool = True
    """It must not be committed; False: a warning."""

    def __str__(self) -> str:
        return f"{spoken(self.path)}: {self.field}: {self.message}"


def error(path: EntityPath, prop: str, message: str) -> Problem:
    """Return a problem with the property of that name that must not be committed."""
    return Problem(path, label_of(path.kind, prop), message)


def warning(path: EntityPath, prop: str, message: str) -> Problem:
    """Return a problem with the property of that name that may be committed."""
    return Problem(path, label_of(path.kind, prop), message, is_error=False)


def label_of(kind: str, prop: str) -> str:
    """Return the label of the property of that name."""
    property_ = KINDS[kind].find(prop)
    return property_.label if property_ else prop

# SPDX-License-Identifier: Apache-2.0
"""What kinds of objects there are made of: a kind is a table of properties, and nothing else.

A new kind, or a new property, is one entry in a file beside this one and in `catalogue.py`; the
store, the shell, the file format and its schema, completion and help all follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.value import Reference, References

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.cluster.model.value import Value, ValueType

ANY_TYPE: Final[frozenset[str]] = frozenset()
SINGLE: Final = "settings"
"""The name of every object whose kind is `single`."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a kind."""

    label: str
    """As tables show it."""
    type: ValueType
    help: str
    """One sentence for `help set` and the file format's schema."""
    default: Value = ""
    """Empty: what its type has where nothing is set."""
    inherits: bool = False
    """Where it is unset, the next level's counts: category, software image, partition base."""
    protects: bool = False
    """A switch that is on where any level has it on, and not where the nearest level says."""
    aliases: tuple[str, ...] = ()
    """Further names that commands take."""
    types: frozenset[str] = ANY_TYPE
    """The object types that have it; empty: all."""
    fixed: bool = False
    """It is the object's name or type: given when it is made, and never set again."""
    default_by_name: str = ""
    """Where it is not empty: the default, in which {name} stands for the object's name."""
    name: str = field(init=False)
    """In commands, files and the store: the label in lower case, without blanks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", "".join(self.label.split()).lower())
        if self.default == "":
            object.__setattr__(self, "default", self.type.unset)

    def default_for(self, object_name: str) -> Value:
        """Return the default that the object of that name has."""
        if self.default_by_name:
            return self.default_by_name.replace("{name}", object_name)
        return self.default


def inherited(*properties: Property) -> tuple[Property, ...]:
    """Return the properties as such that inherit."""
    return tuple(replace(each, inherits=True) for each in properties)


def of_types(types: frozenset[str], *properties: Property) -> tuple[Property, ...]:
    """Return the properties as such that objects of *types* have."""
    return tuple(replace(each, types=types) for each in properties)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects: a mode of the shell, or a submode where it lies inside another."""

    name: str
    """Of the mode or submode: "device", "services"."""
    singular: str
    """As messages name one: "Device" in "Successfully committed 1 Device"."""
    properties: tuple[Property, ...]
    """In the order in which `show` prints them."""
    columns: tuple[str, ...]
    """What `list` shows after the object's name: properties, by name, and what is counted or seen
    when it is listed: `nodes`, `status`."""
    plural: str = ""
    """Empty: the singular and an s."""
    inside: tuple[str, ...] = ()
    """The kinds whose objects contain objects of this one; empty: it is a mode of the top level."""
    inside_types: frozenset[str] = ANY_TYPE
    """The types of objects that contain them; empty: all."""
    types: tuple[str, ...] = ()
    """What `add TYPE NAME` takes; empty: `add NAME`."""
    names: tuple[str, ...] = ()
    """The only names that objects may have (`assign`); empty: any."""
    single: bool = False
    """An object has exactly one of these inside, called SINGLE, which comes and goes with it."""
    kept_when_set: bool = False
    """Of a single one: it is kept only where something in it is set, and reads as empty else."""
    overrides: bool = False
    """A device has those of its category too, but for those that it has itself of that name."""
    named_by_path: bool = False
    """Objects are called like files: names may have slashes."""
    key: str = "name"
    """The label under which `show` prints the object's name."""
    references: Mapping[str, str] = field(init=False, repr=False, compare=False, hash=False)
    """The properties that name objects of the top level, each with the kind of those."""
    _by_name: dict[str, Property] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        if not self.plural:
            object.__setattr__(self, "plural", f"{self.singular}s")
        found = {name: each for each in self.properties for name in (each.name, *each.aliases)}
        object.__setattr__(self, "_by_name", found)
        referring = {
            each.name: each.type.kind
            for each in self.properties
            if isinstance(each.type, Reference | References)
        }
        object.__setattr__(self, "references", referring)

    def find(self, name: str) -> Property | None:
        """Return the property of that name or alias, in any case; None for no such one."""
        return self._by_name.get(name) or self._by_name.get(name.lower())

    def type_called(self, name: str) -> str | None:
        """Return the type of that name, in any case, as it is spelled; None for no such one."""
        return next((each for each in self.types if each.lower() == name.lower()), None)

    def of_type(self, type_: str) -> tuple[Property, ...]:
        """Return the properties that objects of *type_* have."""
        return tuple(each for each in self.properties if not each.types or type_ in each.types)

# SPDX-License-Identifier: Apache-2.0
"""What can follow a command at a place: options and their values, names, properties, values.  Pure.

It follows the command's options and usage line, and the catalogue; no command is known by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.inheritance import effective, effective_services
from ibstack.cluster.model.naming import MASTER, find_name
from ibstack.cluster.model.value import Boolean, Choice, Reference, References, Text
from ibstack.cluster.shell.usage import slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.state import View
    from ibstack.cluster.shell.command import Command
    from ibstack.cluster.shell.options import Option
    from ibstack.cluster.shell.place import Place
    from ibstack.cluster.shell.usage import Slot

_LISTED: Final[dict[str, str]] = {
    "category": "category",
    "image": "softwareimage",
    "group": "nodegroup",
}
"""Options that take lists of objects' names, and of which kind these are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A place, and the beginning of a word at it."""

    view: View
    place: Place
    prefix: str
    commands: Sequence[Command]
    files: Callable[[str], Iterable[str]]
    """Lists the files whose paths begin so."""
    aliases: Sequence[str] = ()

    @property
    def kind(self) -> Kind | None:
        return KINDS.get(self.place.kind)

    def names(self) -> list[str]:
        """Return the objects of the mode or submode that one is in."""
        if self.kind is None or self.kind.single:
            return []
        found = self.view.names(self.kind.name, self.place.parent)
        return [*found, MASTER] if self.kind.name == "device" else found


def after_command(asked: Asked, command: Command, words: Sequence[str]) -> Iterable[str]:
    """Return what can stand after *command* and *words*; some may not begin as the word does."""
    option = _option(command, words[-1]) if words else None
    if option is not None and option.value:
        return _of_option(asked, option)
    if asked.prefix.startswith("-") and command.options:
        if asked.prefix.startswith("--"):
            return [f"--{each.word}" for each in command.options]
        return [f"-{each.letter}" for each in command.options]
    rest = _without_options(command, words)
    expected = slots(command.usage)
    if len(expected) > 1 and expected[0].optional and expected[0].meanings == ("NAME",):
        return _of_property(asked, command, expected[1:], rest)
    repeats = bool(expected) and expected[-1].repeated
    number = min(len(rest), len(expected) - 1) if repeats else len(rest)
    return _of_slot(asked, command, expected, number) if number < len(expected) else ()


def _option(command: Command, word: str) -> Option | None:
    for each in command.options:
        if word in (f"-{each.letter}", f"--{each.word}"):
            return each
    return None


def _without_options(command: Command, words: Sequence[str]) -> list[str]:
    """Return the words that are neither options nor values of them."""
    found: list[str] = []
    value_follows = False
    for word in words:
        option = None if value_follows else _option(command, word)
        if not value_follows and option is None:
            found.append(word)
        value_follows = option is not None and bool(option.value)
    return found


def _of_option(asked: Asked, option: Option) -> Iterable[str]:
    kind = asked.kind
    if option.word == "nodes":
        return _in_node_list(asked)
    if option.word in _LISTED:
        return in_list(asked.prefix, asked.view.names(_LISTED[option.word]))
    columns = [each.name for each in kind.properties] if kind else []
    known: dict[str, Callable[[], Iterable[str]]] = {
        "role": lambda: in_list(asked.prefix, KINDS["roles"].names),
        "type": lambda: in_list(asked.prefix, (*KINDS["device"].types, "node")),
        "clone": asked.names,
        "add": lambda: kind.types if kind else (),
        "format": lambda: ("json", *in_list(asked.prefix, columns)),
        "sort": lambda: in_list(asked.prefix, columns),
    }
    return known.get(option.word, tuple)()


def in_list(prefix: str, names: Iterable[str]) -> list[str]:
    """Return *names* as the last of the list that *prefix* begins: `node001..`, `a,-`, `-`."""
    cut = max(prefix.rfind(",") + 1, prefix.rfind("..") + 2 if ".." in prefix else 0)
    cut += prefix[cut:].startswith("-")
    return [prefix[:cut] + name for name in names]


def _names(asked: Asked) -> Iterable[str]:
    if asked.place.kind == "device":
        return _in_node_list(asked)
    return in_list(asked.prefix, asked.names())


def _in_node_list(asked: Asked) -> Iterable[str]:
    """Return devices, and where the last of the list begins so, groups of them."""
    names = [*asked.view.names("device"), MASTER]
    if "@" in asked.prefix:
        names += [f"@{name}" for name in asked.view.names("nodegroup")]
        names += [f"@category:{name}" for name in asked.view.names("category")]
    return in_list(asked.prefix, names)


def _of_slot(
    asked: Asked, command: Command, expected: Sequence[Slot], number: int
) -> Iterable[str]:
    slot = expected[number]
    kind = asked.kind
    before = {each for earlier in expected[:number] for each in earlier.meanings}
    known: dict[str, Callable[[], Iterable[str]]] = {
        # After these comes the name of what is to be made.
        "NAME": lambda: () if before & {"SOURCE", "TYPE"} else _objects(asked, command),
        "SOURCE": asked.names,
        "NAMES": lambda: _names(asked),
        "TYPE": lambda: (kind.names or kind.types) if kind else (),
        "ROLE": lambda: asked.names() if slot.optional else KINDS["roles"].names,
        "FILE": lambda: asked.files(asked.prefix),
        "ALIAS": lambda: asked.aliases,
        "COMMAND": lambda: [each.name for each in asked.commands],
        "MODE": lambda: KINDS,
        "NETWORK": lambda: asked.view.names("network") if asked.place.kind == "interfaces" else (),
    }
    found: list[str] = []
    for meaning in slot.meanings:
        if " " in meaning:
            continue
        found += [meaning] if not meaning.isupper() else known.get(meaning, tuple)()
    return found


def _objects(asked: Asked, command: Command) -> list[str]:
    """Return the objects that the command can be about: services run that a category gives."""
    device = asked.place.parent
    on_host = asked.place.kind == "services" and command.looks_outside
    if on_host and device is not None and device.kind == "device":
        return [*effective_services(asked.view, device.name)]
    return asked.names()


def _of_property(
    asked: Asked, command: Command, expected: Sequence[Slot], words: Sequence[str]
) -> Iterable[str]:
    """Return what can stand in `[NAME] PROPERTY …` after *words*."""
    kind, place = asked.kind, asked.place
    if kind is None:
        return ()
    path = place.path
    if words and (path is None or kind.find(words[0]) is None):
        name = find_name(asked.view, kind.name, words[0], place.parent)
        if name is None:
            return ()
        path, words = place.object(name), words[1:]
    named = path != place.path
    if path is None:
        return asked.names()
    if not words or expected[0].repeated:
        found = _properties(asked.view, kind, path)
        wanted = asked.prefix.lower()
        if named or words or any(each.startswith(wanted) for each in found):
            return found
        return asked.names()
    prop = kind.find(words[0])
    return _values(asked, command, path, prop) if prop and expected[1:] else ()


def _properties(view: View, kind: Kind, path: EntityPath) -> list[str]:
    entity = view.get(path)
    return [each.name for each in (kind.of_type(entity.type) if entity else kind.properties)]


def _values(asked: Asked, command: Command, path: EntityPath, prop: Property) -> Iterable[str]:
    """Return values that the property can have, or the one it has for a person to change."""
    match prop.type:
        case Boolean():
            return ("yes", "no")
        case Choice(names=names):
            return names
        case Reference(kind=kind) | References(kind=kind):
            return asked.view.names(kind)
    entity = asked.view.get(path)
    if entity is None:
        return ()
    if prop.type.many:
        own = entity.values.get(prop.name, ())
        return own if isinstance(own, tuple) else ()
    if isinstance(prop.type, Text) and not prop.fixed:
        return [str(effective(asked.view, path, prop.name).value)]
    return ()

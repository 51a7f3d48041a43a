# SPDX-License-Identifier: Apache-2.0
"""Commands that read and set the properties of an object."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.model import edits
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.naming import spoken, the_property
from ibstack.cluster.model.value import Blob, References
from ibstack.cluster.shell.command import IN_A_MODE, Call, Command
from ibstack.cluster.shell.context import Answering, AtObject, Attended
from ibstack.cluster.shell.options import Option
from ibstack.cluster.shell.place import Place
from ibstack.cluster.shell.selection import device_list
from ibstack.cluster.shell.subject import subject, the_one
from ibstack.cluster.shell.tables import as_json, json_asked, two_columns
from ibstack.cluster.shell.values import as_object, is_name, rows, shown
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import Entity

FORMAT: Final = Option("f", "format", "FORMAT", "table or json")


class _Editing(Answering, AtObject, Attended, Protocol):
    """One object, and a person who may edit a text of it."""


def _parted(shell: _Editing, call: Call, doing: str) -> tuple[Entity, str, Sequence[str]]:
    """Part `[NAME] PROPERTY VALUE…`."""
    entity, words = subject(shell, call.arguments, doing)
    if not words:
        raise BadInput(f"cannot {doing}: no property is named; show lists them")
    return entity, words[0], words[1:]


def _set(shell: _Editing, call: Call) -> None:
    entity, name, words = _parted(shell, call, "set")
    if not words:
        before, after = _edited(shell, entity, name)
        if before == after:
            # A script that was only looked at is still the one that is inherited.
            shell.output.say(f"{name} of {spoken(entity.path)} is as it was")
            return
        words = [after]
    words = _names_in(shell, entity, name, words)
    prop = KINDS[entity.path.kind].find(name)
    if prop is not None and is_name(prop):
        _rename(shell, entity, words)
        return
    edits.set_value(shell.draft, entity.path, name, words)


def _rename(shell: _Editing, entity: Entity, words: Sequence[str]) -> None:
    if len(words) != 1:
        raise BadInput(f"cannot rename {spoken(entity.path)}: expected one name")
    path = edits.rename(shell.draft, entity.path, words[0])
    if shell.place.path == entity.path:
        shell.place = Place.at(path)


def _edited(shell: _Editing, entity: Entity, name: str) -> tuple[str, str]:
    """Let the person edit a text; return it before and after.  BadInput where it is no text."""
    prop = the_property(entity, name, f"set {name} of")
    if shell.edit is None or not isinstance(prop.type, Blob):
        raise BadInput(
            f"cannot set {prop.name} of {spoken(entity.path)}: no value is given;"
            f" clear {prop.name} unsets it"
        )
    before = str(shown(shell.draft, entity, prop).effective.value)
    after = shell.edit(before)
    # Editors end the last line, whether or not they were asked to.
    return before, before if after == f"{before}\n" else after


def _names_in(shell: _Editing, entity: Entity, name: str, words: Sequence[str]) -> Sequence[str]:
    """Return the devices that node lists among *words* stand for, where the property takes them."""
    prop = KINDS[entity.path.kind].find(name)
    if prop is None or not isinstance(prop.type, References) or prop.type.kind != "device":
        return words
    return device_list(shell.draft, words) if any(words) else words


def _get(shell: _Editing, call: Call) -> None:
    entity, name, words = _parted(shell, call, "get")
    if words:
        raise BadInput(f"cannot get {' '.join((name, *words))}: it takes one property")
    prop = the_property(entity, name, f"get {name} of")
    shell.output.say(*shown(shell.draft, entity, prop).alone)


def _append(shell: _Editing, call: Call) -> None:
    entity, name, words = _parted(shell, call, "append")
    _need(words, "append to", name)
    words = _names_in(shell, entity, name, words)
    edits.append_values(shell.draft, entity.path, name, words)


def _removefrom(shell: _Editing, call: Call) -> None:
    entity, name, words = _parted(shell, call, "removefrom")
    _need(words, "remove from", name)
    words = _names_in(shell, entity, name, words)
    edits.remove_values(shell.draft, entity.path, name, words)


def _need(words: Sequence[str], doing: str, name: str) -> None:
    if not words:
        raise BadInput(f"cannot {doing} {name}: no value is given; give one or more")


def _clear(shell: _Editing, call: Call) -> None:
    entity, name, words = _parted(shell, call, "clear")
    try:
        for each in (name, *words):
            edits.clear_value(shell.draft, entity.path, each)
    except BadInput:
        shell.draft.put(entity)
        raise


def _show(shell: _Editing, call: Call) -> None:
    entity = the_one(shell, call.arguments, "show")
    if json_asked(call.given.get("format")):
        shell.output.say(as_json(as_object(shell.draft, entity)))
    else:
        shell.output.say(*two_columns(rows(shell.draft, entity)))


_of_object = partial(Command, where=IN_A_MODE, of_object=True)
_edit = partial(_of_object, changes=True)

COMMANDS: Final[tuple[Command, ...]] = (
    _edit(
        "set",
        "Set a property; a list is replaced by the values that follow.",
        "[NAME] PROPERTY VALUE…",
        'softwareimage set openstack-image kernelparameters "intel_iommu=on iommu=pt"',
        _set,
    ),
    _of_object(
        "get",
        "Print the value of a property, and where it comes from if not from here.",
        "[NAME] PROPERTY",
        "device get node002 softwareimage",
        _get,
    ),
    _edit(
        "append",
        "Add values to a list.",
        "[NAME] PROPERTY VALUE…",
        "partition append base frozenfiles /etc/postfix/main.cf",
        _append,
    ),
    _edit(
        "removefrom",
        "Take values out of a list.",
        "[NAME] PROPERTY VALUE…",
        "partition removefrom base frozenfiles /etc/postfix/main.cf",
        _removefrom,
    ),
    _edit(
        "clear",
        "Unset properties: what is inherited, or the default, counts again.",
        "[NAME] PROPERTY…",
        "device clear node002 softwareimage",
        _clear,
    ),
    _of_object(
        "show",
        "Print all properties of an object.",
        "[-f json] [NAME]",
        "network show internalnet",
        _show,
        options=(FORMAT,),
    ),
)

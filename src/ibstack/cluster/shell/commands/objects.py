# SPDX-License-Identifier: Apache-2.0
"""Commands that make, remove and rename objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model import edits
from ibstack.cluster.model.base_partition import BASE_PARTITION
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.device import NODES
from ibstack.cluster.model.naming import noun
from ibstack.cluster.shell.command import IN_A_MODE, Call, Command, in_kinds
from ibstack.cluster.shell.node_list import expand
from ibstack.cluster.shell.place import Place
from ibstack.cluster.shell.subject import object_named, the_one
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.cluster.model.entity import Entity, EntityPath
    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.shell.context import Moving


def _add(shell: Moving, call: Call) -> None:
    place = shell.place
    kind = KINDS[place.kind]
    typed = bool(kind.types) and not kind.names
    words = list(call.arguments)
    if not 1 <= len(words) <= 1 + typed + len(_FURTHER.get(kind.name, ())):
        raise BadInput(f"cannot add {noun(kind.name)}: {_expected(kind, words, typed=typed)}")
    type_ = words.pop(0) if typed and len(words) > 1 else ""
    path = edits.add(shell.draft, kind.name, words[0], place.parent, type_)
    try:
        if words[1:]:
            _GIVES[kind.name](shell.draft, path, *words[1:])
    except BadInput:
        shell.draft.remove(path)
        raise
    shell.go(Place.at(path))


def _expected(kind: Kind, words: Sequence[str], *, typed: bool) -> str:
    """Return what `add` takes of the kind, and where the rest of *words* is said."""
    further = _FURTHER.get(kind.name, ())
    taken = "".join(f" [{word}" for word in further) + "]" * len(further)
    usage = f"add {'TYPE ' * typed}NAME{taken}"
    rest = words[1 + typed + len(further) :]
    if not rest:
        return f"expected {usage}"
    return (
        f"expected {usage}; {' '.join(map(repr, rest))} is said afterwards, by set PROPERTY VALUE"
        f" (help {kind.name} lists the properties)"
    )


def _give_device(draft: Draft, path: EntityPath, address: str, interface: str = "BOOTIF") -> None:
    """Give a new device its address on the network over which nodes are managed.

    *interface* is what it is booted and installed over.
    """
    base = draft.get(BASE_PARTITION)
    network = base.text("managementnetwork") if base else ""
    inner = edits.add(draft, "interfaces", interface, path, "physical")
    for each in (path, inner):
        edits.set_value(draft, each, "ip", [address])
        edits.set_value(draft, each, "network", [network])
    device = draft.get(path)
    if inner.name != "BOOTIF" and device is not None and device.type in NODES:
        edits.set_value(draft, path, "provisioninginterface", [inner.name])


def _give_interface(draft: Draft, path: EntityPath, address: str, network: str = "") -> None:
    edits.set_value(draft, path, "ip", [address])
    edits.set_value(draft, path, "network", [network])


_FURTHER: Final[dict[str, tuple[str, ...]]] = {
    "device": ("ADDRESS", "INTERFACE"),
    "interfaces": ("ADDRESS", "NETWORK"),
}
"""What `add` takes after the name, as the manual and runbooks have it."""
_GIVES: Final[dict[str, Callable[..., None]]] = {
    "device": _give_device,
    "interfaces": _give_interface,
}


def _clone(shell: Moving, call: Call) -> None:
    if len(call.arguments) != 2:
        raise BadInput("cannot clone: expected clone SOURCE NAME")
    source = object_named(shell, call.arguments[0], "clone")
    shell.go(Place.at(edits.clone(shell.draft, source.path, call.arguments[1])))


def _remove(shell: Moving, call: Call) -> None:
    at = shell.place.path
    if not call.arguments:
        paths = [the_one(shell, (), "remove").path]
    else:
        names = expand(" ".join(call.arguments)) if _is_device(shell) else call.arguments
        paths = [object_named(shell, name, "remove").path for name in names]
    _remove_all(shell.draft, paths)
    if at in paths:
        shell.go(shell.place.left())


def _remove_all(draft: Draft, paths: Sequence[EntityPath]) -> None:
    """Remove all of the objects, or none of them."""
    removed: list[Entity] = []
    try:
        for path in paths:
            gone = [*draft.inside(path), *filter(None, (draft.get(path),))]
            edits.remove(draft, path)
            removed += gone
    except IbstackError:
        for entity in reversed(removed):
            draft.put(entity)
        raise


def _is_device(shell: Moving) -> bool:
    return shell.place.kind == "device"


def _assign(shell: Moving, call: Call) -> None:
    if len(call.arguments) != 1:
        raise BadInput("cannot assign: expected assign ROLE")
    place = shell.place
    path = edits.add(shell.draft, place.kind, call.arguments[0], place.parent)
    shell.go(Place.at(path))


def _unassign(shell: Moving, call: Call) -> None:
    role = the_one(shell, call.arguments, "unassign").path
    edits.remove(shell.draft, role)
    if shell.place.path == role:
        shell.go(shell.place.left())


def _swap(shell: Moving, call: Call) -> None:
    if len(call.arguments) != 2:
        raise BadInput("cannot swap: expected swap NAME NAME")
    one, other = (object_named(shell, name, "swap").path for name in call.arguments)
    edits.swap(shell.draft, one, other)


_edit = partial(Command, where=IN_A_MODE, changes=True)

COMMANDS: Final[tuple[Command, ...]] = (
    _edit(
        "add",
        "Make an object, and go to it; it is saved by commit.",
        "[TYPE] NAME [ADDRESS] [INTERFACE|NETWORK]",
        "device use node004; interfaces; add physical ib0 10.149.0.4 ibnet",
        _add,
        moves=True,
    ),
    _edit(
        "clone",
        "Make a copy of an object with all that is inside it, and go to it.",
        "SOURCE NAME",
        "category clone default mellanox",
        _clone,
        moves=True,
    ),
    _edit(
        "remove",
        "Remove an object; what is in use is not removed.",
        "[NAME]",
        "device remove node004",
        _remove,
    ),
    _edit(
        "assign",
        "Give the role, with nothing set in it, and go to it.",
        "ROLE",
        "device use node003; roles; assign openstacknode",
        _assign,
        where=in_kinds("roles"),
        moves=True,
    ),
    _edit(
        "unassign",
        "Take the role away; a category's role of the same name counts again.",
        "[ROLE]",
        "device use node003; roles; unassign openstacknode",
        _unassign,
        where=in_kinds("roles"),
    ),
    _edit(
        "swap",
        "Exchange the names of two objects; who refers to them follows.",
        "NAME NAME",
        "device swap node001 node002",
        _swap,
    ),
)

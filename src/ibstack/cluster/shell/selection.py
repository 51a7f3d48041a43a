# SPDX-License-Identifier: Apache-2.0
"""Which devices a command is about: the grouping options that many commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.device import HEAD
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective, effective_roles
from ibstack.cluster.model.naming import MASTER, find_name, meant, noun
from ibstack.cluster.shell.node_list import expand, fold
from ibstack.cluster.shell.options import Option
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import View
    from ibstack.cluster.shell.context import Selecting
    from ibstack.cluster.shell.options import Given

ALL: Final = "*"
GROUPING: Final = (
    Option("n", "nodes", "LIST", "these nodes, as node001..node004,-node003"),
    Option("c", "category", "NAMES", "nodes of these categories"),
    Option("g", "group", "NAMES", "nodes of these node groups"),
    Option("l", "role", "NAMES", "nodes that have these roles"),
    Option("m", "image", "NAMES", "nodes with these software images"),
    Option("t", "type", "TYPES", "headnode, physicalnode, virtualnode; node: the last two"),
    Option("s", "status", "STATES", "nodes in these states"),
    Option("u", "union", "", "nodes in any of the groups; so it is where nothing is said"),
    Option("i", "intersection", "", "nodes in all of the groups"),
)
_GROUPS: Final = ("nodes", "category", "group", "role", "image", "type", "status")


def selected(shell: Selecting, given: Given) -> list[str] | None:
    """Return the devices that the options and arguments name, in order; None: they name none."""
    view = shell.draft
    groups = [_names(shell, word, given.get(word)) for word in _GROUPS if given.has(word)]
    if given.arguments:
        groups.append(named(view, "device", None, given.arguments))
    if not groups:
        return shell.in_the_range() if shell.in_range else None
    if len(groups) == 1:
        return groups[0]
    chosen = set(groups[0])
    for group in groups[1:]:
        chosen = chosen & set(group) if given.has("intersection") else chosen | set(group)
    return [name for name in view.names("device") if name in chosen]


def devices(shell: Selecting, given: Given) -> list[str]:
    """Return the devices that are meant: those named, the one that one is at, or all."""
    names = selected(shell, given)
    if names is not None:
        return names
    at = shell.place.owner
    if at is not None and at.top.kind == "device":
        return [at.top.name]
    return shell.draft.names("device")


def named(view: View, kind: str, parent: EntityPath | None, words: Sequence[str]) -> list[str]:
    """Return the names of a node list, each of an object that there is; `*`: of all objects."""
    if list(words) == [ALL]:
        return view.names(kind, parent)
    names = _meant(view, kind, parent, words)
    missing = [name for name in names if view.get(EntityPath.below(parent, kind, name)) is None]
    if missing:
        near = meant(missing[0], view.names(kind, parent)) if len(missing) == 1 else ""
        what = f"is no such {noun(kind)}{near}"
        if len(missing) > 1:
            what = f"are no such {KINDS[kind].plural.lower()}"
        raise BadInput(f"cannot select {fold(missing)}: there {what}")
    return names


def _meant(view: View, kind: str, parent: EntityPath | None, words: Sequence[str]) -> list[str]:
    if kind == "device":
        return [_known(view, kind, parent, name) for name in device_list(view, words)]
    names: list[str] = []
    for word in words:
        # A mount point is a name, and no list.
        known = find_name(view, kind, word, parent)
        names += [known] if known else [_known(view, kind, parent, each) for each in expand(word)]
    return list(dict.fromkeys(names))


def device_list(view: View, words: Sequence[str]) -> list[str]:
    """Return the names that a node list stands for; in it `@NAME` is a node group, `@category:NAME`
    the nodes of a category, as ClusterShell writes them."""
    return expand(" ".join(words), lambda name: _group(view, name))


def _group(view: View, text: str) -> list[str]:
    source, _, name = text.rpartition(":")
    source = "group" if source in ("", "nodegroup") else source
    if source not in ("group", "category", "role", "image", "type"):
        raise BadInput(
            f"cannot select @{text}: there is no such source of groups;"
            " write @NAME of a node group, or @category:NAME"
        )
    return _in_group(view, source, name)


def _known(view: View, kind: str, parent: EntityPath | None, name: str) -> str:
    # Looking for another spelling looks at all names, so only where there is no such object.
    if name != MASTER and view.get(EntityPath.below(parent, kind, name)) is not None:
        return name
    return find_name(view, kind, name, parent) or name


def _names(shell: Selecting, group: str, text: str) -> list[str]:
    view = shell.draft
    if group == "nodes":
        return named(view, "device", None, [text])
    if group != "status":
        return _in_group(view, group, text)
    wanted = {word.lower() for word in text.replace(",", " ").split()}
    states = shell.hosts.backend.status(view.names("device"))
    return [name for name in view.names("device") if _in_state(states.get(name), wanted)]


def _in_group(view: View, group: str, text: str) -> list[str]:
    wanted = {word.lower() for word in text.replace(",", " ").split()}
    _check(view, group, wanted)
    if group == "group":
        groups = view.children(None, ("nodegroup",))
        inside = {
            name for each in groups if each.name.lower() in wanted for name in each.words("nodes")
        }
        return [name for name in view.names("device") if name in inside]
    tell = _TESTS[group]
    entities = view.children(None, ("device",))
    return [entity.name for entity in entities if tell(view, entity) & wanted]


def _in_state(status: object, wanted: set[str]) -> bool:
    return getattr(status, "state", "unknown").lower() in wanted


def _check(view: View, group: str, wanted: set[str]) -> None:
    """Refuse names of what there is not: a slip must not look like an empty group."""
    known: Iterable[str] = {
        "category": view.names("category"),
        "group": view.names("nodegroup"),
        "image": view.names("softwareimage"),
        "role": KINDS["roles"].names,
        "type": (*KINDS["device"].types, "node"),
    }[group]
    names = list(known)
    for word in sorted(wanted - {name.lower() for name in names}):
        raise BadInput(f"cannot select by {group} {word}: there is no such{meant(word, names)}")


def _category(view: View, entity: Entity) -> set[str]:
    return {entity.text("category").lower()}


def _image(view: View, entity: Entity) -> set[str]:
    if entity.type == HEAD:
        return set()
    return {str(effective(view, entity.path, "softwareimage").value).lower()}


def _roles(view: View, entity: Entity) -> set[str]:
    return set(effective_roles(view, entity.name))


def _type(view: View, entity: Entity) -> set[str]:
    return {entity.type.lower()} | (set() if entity.type == HEAD else {"node"})


_TESTS: Final[dict[str, Callable[[View, Entity], set[str]]]] = {
    "category": _category,
    "image": _image,
    "role": _roles,
    "type": _type,
}

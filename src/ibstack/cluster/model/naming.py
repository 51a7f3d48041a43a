# SPDX-License-Identifier: Apache-2.0
"""What objects may be called, how messages call them, and what somebody may have meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.base_partition import head_node
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.kind import SINGLE
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.state import View

MASTER: Final = "master"
"""What the active head node answers to besides its own name."""

# No sign that node lists, paths, modifications of files, or genders give a meaning of their own.
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@-]{0,127}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_.:+@/-]{0,127}")
# What genders' queries take for one word (genders 1.22, genders_query_parse.l): a sign that is
# not in it ends the word, or is dropped without a word, and the query is another one then.
_IN_A_QUERY: Final = re.compile(r"[A-Za-z0-9_.:+]+(?:-[A-Za-z0-9_.:+]+)*")
_TAKEN: Final[dict[str, frozenset[str]]] = {
    # Of `@category:*` ClusterShell takes group all.  The rest are attributes that genders gets
    # besides, and those that pdsh gives a meaning of its own.
    "category": frozenset({"all"}),
    "nodegroup": frozenset(
        {"all", "category", "computenode", "headnode", "virtualnode"}
        | {"altname", "pdsh_all_skip", "pdsh_rcmd_type"}
    ),
}
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def name_fault(kind: str, name: str) -> str:
    """Return what is wrong with the name of an object of *kind*; empty: nothing."""
    if not name:
        return "it has no name"
    if kind == "device":
        if name == MASTER:
            return f"{MASTER!r} stands for the active head node"
        return "" if _HOSTNAME.fullmatch(name) else f"{name!r} is not the name of a host"
    if kind in KINDS and KINDS[kind].named_by_path:
        if _FILE_NAME.fullmatch(name) and not {".", ".."} & set(name.split("/")):
            return ""
        return f"{name!r} has signs other than letters, digits and _ . : + @ / -, or a . or .."
    if not _NAME.fullmatch(name):
        return f"{name!r} has signs other than letters, digits and _ . : + @ -"
    return group_fault(kind, name)


def group_fault(kind: str, name: str) -> str:
    """Return why pdsh and ClusterShell cannot have a group of that name; empty: they can.

    Categories and node groups are groups to them: `pdsh -g category=NAME`, `pdsh -g NAME`.
    """
    if kind not in _TAKEN:
        return ""
    if name in _TAKEN[kind]:
        return f"pdsh and ClusterShell have a group {name} already; give it another name"
    if not _IN_A_QUERY.fullmatch(name):
        return (
            f"pdsh -g and ClusterShell read {name!r} as something else;"
            " a name has no @ and no --, and ends without -"
        )
    if kind == "nodegroup" and not name[0].isalnum():
        return f"pdsh -g reads {name!r} without its first sign; begin with a letter or a digit"
    return ""


def noun(kind: str) -> str:
    """Return what messages call one object of *kind*: "role"."""
    return KINDS[kind].singular.lower() if kind in KINDS else kind


def spoken(path: EntityPath) -> str:
    """Return what messages call the object: "role openstacknode of device node003"."""
    own = noun(path.kind) if KINDS[path.kind].single else f"{noun(path.kind)} {path.name}"
    return own if path.parent is None else f"{own} of {spoken(path.parent)}"


def meant(text: str, names: Iterable[str]) -> str:
    """Return ", did you mean NAME?" or nothing, for the end of a message."""
    import difflib  # Only who mistypes something waits for it.

    near = difflib.get_close_matches(text.lower(), (name.lower() for name in names), 1, 0.7)
    if not near:
        return ""
    return f"; did you mean {next(name for name in names if name.lower() == near[0])}?"


def find_name(view: View, kind: str, text: str, parent: EntityPath | None = None) -> str | None:
    """Return the name of the object that *text* means, in any case; None for none or several."""
    if view.get(EntityPath.below(parent, kind, text)) is not None:
        return text
    if kind == "device" and text == MASTER:
        return head_node(view) or None
    wanted = text.lower()
    found = [name for name in view.names(kind, parent) if name.lower() == wanted]
    return found[0] if len(found) == 1 else None


def the_object(view: View, path: EntityPath, doing: str) -> Entity:
    """Return the object; BadInput "cannot *doing* PATH: ..." where there is none."""
    entity = view.get(path)
    if entity is None and _reads_as_empty(view, path):
        return Entity(path)
    if entity is None:
        near = meant(path.name, view.names(path.kind, path.parent))
        raise BadInput(f"cannot {doing} {spoken(path)}: there is no such {noun(path.kind)}{near}")
    return entity


def _reads_as_empty(view: View, path: EntityPath) -> bool:
    """Tell whether it is one of what each object has, in which nothing is set yet."""
    kind = KINDS[path.kind]
    if not kind.kept_when_set or path.name != SINGLE or path.parent is None:
        return False
    return path.parent.kind in kind.inside and view.get(path.parent) is not None


def the_property(entity: Entity, name: str, doing: str) -> Property:
    """Return the object's property of that name; BadInput "cannot *doing* PATH: ..." for none."""
    kind = KINDS[entity.path.kind]
    found = kind.find(name)
    if found is not None and (not found.types or entity.type in found.types):
        return found
    what = _what(kind, entity.type)
    near = "" if found else meant(name, [each.name for each in kind.of_type(entity.type)])
    raise BadInput(f"cannot {doing} {spoken(entity.path)}: a {what} has no property {name!r}{near}")


def _what(kind: Kind, type_: str) -> str:
    return kind.singular.lower() if not type_ or kind.names else type_.lower()

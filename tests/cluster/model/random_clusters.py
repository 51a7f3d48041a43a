# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies: the article's cluster after edits that somebody may make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from cluster.article import starting_state
from ibstack.cluster.model import edits
from ibstack.cluster.model.catalogue import KINDS, kinds_inside, top_kinds
from ibstack.cluster.model.state import Draft
from ibstack.cluster.model.value import (
    Boolean,
    Choice,
    Integer,
    Ipv4,
    Mac,
    PortGuid,
    Reference,
    References,
)
from ibstack.fabric.errors import BadInput, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity, EntityPath
    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.state import View

# Few names on purpose: collisions are where edits go wrong.
NAMES = ("node001", "node003", "node004", "eth0", "opensm", "openstacknode", "infinibandhost", "x1")
WORDS = (
    "a b",
    "/etc/passwd",
    "+/etc/x.conf[a]b=c",
    "-/etc/x.conf[a]b",
    "+/etc/x.conf[a]b=d",
    "keys",
    "ümlaut",
)

ACTIONS = ("set", "set", "set", "clear", "append", "add", "clone", "remove", "name", "refresh")
FEW = (
    "device/node001",
    "device/node003",
    "device/node003/interfaces/BOOTIF",
    "device/node003/roles/openstacknode",
    "category/openstack-compute-hosts",
    "category/openstack-compute-hosts/roles/openstacknode",
    "category/virtual-nodes",
    "fabric/ibhostnet",
    "partition/base",
)


def everything(view: View) -> Iterator[Entity]:
    """Yield all objects of the view."""
    for entity in view.children(None, [kind.name for kind in top_kinds()]):
        yield entity
        yield from view.inside(entity.path)


def words_for(data: st.DataObject, draft: Draft, property_: Property) -> list[str]:
    """Draw the arguments of a `set` that the property takes, most of the time."""
    type_ = property_.type
    match type_:
        case Boolean():
            return [data.draw(st.sampled_from(["yes", "no"]))]
        case Integer():
            return [str(data.draw(st.integers(type_.low, type_.high)))]
        case Choice():
            return [data.draw(st.sampled_from(type_.names))]
        case Ipv4():
            return [f"10.141.0.{data.draw(st.integers(0, 5))}"]
        case Mac():
            return [f"52:54:00:00:00:0{data.draw(st.integers(0, 5))}"]
        case PortGuid():
            return ["0002c90300001111"]
        case Reference() | References():
            names = draft.names(type_.kind) or list(NAMES)
            return data.draw(st.lists(st.sampled_from(names), max_size=2))
    return data.draw(st.lists(st.sampled_from(WORDS), max_size=3))


def _object(data: st.DataObject, draft: Draft) -> Entity:
    """Draw an object, mostly of a few, so that edits meet."""
    found = {str(entity.path): entity for entity in everything(draft)}
    few = [path for path in FEW if path in found]
    return found[data.draw(st.one_of(st.sampled_from(few), st.sampled_from(list(found))))]


def _property(data: st.DataObject, entity: Entity) -> Property:
    """Draw a property of the object, mostly one that is set or refers to something."""
    kind = KINDS[entity.path.kind]
    few = [
        each
        for each in kind.properties
        if each.name in entity.values or isinstance(each.type, Reference | References | Ipv4)
    ]
    return data.draw(st.one_of(st.sampled_from(few or kind.properties), _all(kind)))


def _all(kind: Kind) -> st.SearchStrategy[Property]:
    return st.sampled_from(kind.properties)


def edit_once(data: st.DataObject, draft: Draft) -> None:
    """Do one edit that somebody may make, possible or not; BadInput or Refused where it is not."""
    entity = _object(data, draft)
    path, property_ = entity.path, _property(data, entity)
    name = data.draw(st.sampled_from(NAMES))
    action = data.draw(st.sampled_from(ACTIONS))
    if action == "set":
        edits.set_value(draft, path, property_.name, words_for(data, draft, property_))
    elif action == "append":
        edits.append_values(draft, path, property_.name, words_for(data, draft, property_))
    elif action == "clear":
        edits.clear_value(draft, path, property_.name)
    elif action == "add":
        add_once(data, draft, path, name)
    elif action == "refresh":
        draft.refresh(path.top)
    elif action == "clone":
        edits.clone(draft, path, name)
    elif action == "remove":
        edits.remove(draft, path)
    else:
        _exchange(data, draft, path, name)


def _exchange(data: st.DataObject, draft: Draft, path: EntityPath, name: str) -> None:
    if data.draw(st.booleans()):
        edits.rename(draft, path, name)
    else:
        edits.swap(draft, path, path.renamed(name))


def add_once(data: st.DataObject, draft: Draft, path: EntityPath, name: str) -> EntityPath:
    """Add something beside the object, or inside it."""
    inside = data.draw(st.sampled_from([None, *kinds_inside(path.kind)]))
    kind = inside or KINDS[path.kind]
    type_ = data.draw(st.sampled_from(kind.types)) if kind.types else ""
    return edits.add(draft, kind.name, name, path if inside else path.parent, type_)


def edited(data: st.DataObject, most: int = 12) -> Draft:
    """Return a draft of the article's cluster after some edits."""
    draft = Draft(starting_state())
    for _ in range(data.draw(st.integers(0, most))):
        try:
            edit_once(data, draft)
        except (BadInput, Refused):
            continue
    return draft

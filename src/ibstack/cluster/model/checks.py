# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an object, as it is among all others.

What `validate` and `commit` find is this and what follows from generated files: config/checks.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.base_partition import BASE
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.device import HEAD, NODES
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.exclude_list import read_exclude_list
from ibstack.cluster.model.host_checks import (
    PLAIN_PATH,
    adapter_problems,
    bmcsettings_problems,
    broker_problems,
    fsexport_problems,
    fsmount_problems,
    host_port_problems,
    manager_problems,
    staticroute_problems,
)
from ibstack.cluster.model.index import used_by
from ibstack.cluster.model.naming import name_fault, noun
from ibstack.cluster.model.network_checks import (
    address_problems,
    interface_problems,
    network_problems,
)
from ibstack.cluster.model.node_settings import PATTERN_LISTS
from ibstack.cluster.model.problem import Problem, error, label_of, warning
from ibstack.cluster.model.ranges import range_fault
from ibstack.cluster.model.role import INFINIBAND_HOST, SUBNET_MANAGER
from ibstack.cluster.model.value import words_of
from ibstack.fabric.partition import LAST_TENANT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import View

    Check = Callable[[View, Entity], Iterator[Problem]]


def problems(view: View, path: EntityPath) -> tuple[Problem, ...]:
    """Return what is wrong with the object, errors first; for a removed one, who still uses it."""
    entity = view.get(path)
    if entity is None:
        return tuple(_missed(view, path))
    found = [*_shape(entity), *_references(view, entity)]
    if path.kind in _CHECKS:
        found += _CHECKS[path.kind](view, entity)
    return tuple(sorted(found, key=lambda problem: not problem.is_error))


def _missed(view: View, path: EntityPath) -> Iterator[Problem]:
    for use in used_by(view, path):
        name = use.parameter.rpartition("->")[2]
        yield Problem(
            use.path,
            label_of(use.path.kind, name),
            f"there is no {noun(path.kind)} {path.name}",
        )


def _shape(entity: Entity) -> Iterator[Problem]:
    """Yield what is wrong with its name, its type, and which properties it has."""
    kind = KINDS[entity.path.kind]
    fault = name_fault(entity.path.kind, entity.name)
    if fault:
        yield error(entity.path, kind.key, fault)
    if kind.types and entity.type not in kind.types:
        yield error(entity.path, "type", f"expected one of {', '.join(kind.types)}")
    if kind.names and entity.name not in kind.names:
        yield error(entity.path, kind.key, f"expected one of {', '.join(kind.names)}")
    for name in entity.values.keys() - _known(entity.path.kind, entity.type):
        yield error(entity.path, name, "there is no such property of this object")


@cache
def _known(kind: str, type_: str) -> frozenset[str]:
    """Return the names of the properties that objects of that kind and type have."""
    return frozenset(each.name for each in KINDS[kind].of_type(type_))


def _references(view: View, entity: Entity) -> Iterator[Problem]:
    """Yield the references to what does not exist."""
    known = KINDS[entity.path.kind].references
    for name, value in entity.values.items():
        for word in words_of(value) if name in known else ():
            if word and view.get(EntityPath.of(known[name], word)) is None:
                yield error(entity.path, name, f"there is no {noun(known[name])} {word}")


def _softwareimage(view: View, entity: Entity) -> Iterator[Problem]:
    path = _place(entity)
    if not PLAIN_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        yield error(entity.path, "path", f"{path!r} is not an absolute path of plain names")
    for other in view.children(None, ("softwareimage",)):
        if other.path != entity.path and _place(other) == path:
            yield error(entity.path, "path", f"softwareimage {other.name} has it too")


def _place(image: Entity) -> str:
    property_ = KINDS["softwareimage"].find("path")
    default = property_.default_for(image.name) if property_ else ""
    return str(image.values.get("path", default))


def _category(view: View, entity: Entity) -> Iterator[Problem]:
    if not entity.values.get("softwareimage"):
        yield error(entity.path, "softwareimage", "it is not set; nodes are installed from it")
    yield from _node_settings(view, entity)


def _node_settings(view: View, entity: Entity) -> Iterator[Problem]:
    layout = entity.text("disksetup")
    if layout:
        fault = _xml_fault(layout)
        if fault:
            yield error(entity.path, "disksetup", fault)
    for name in PATTERN_LISTS:
        _, faults = read_exclude_list(entity.text(name).splitlines())
        yield from (error(entity.path, name, str(fault)) for fault in faults)
    for item in entity.words("frozenfiles"):
        if not item.startswith(("/", "|")):
            yield error(entity.path, "frozenfiles", f"{item!r} begins neither with / nor with |")
        elif item.startswith("|") and not _is_pattern(item[1:]):
            yield error(entity.path, "frozenfiles", f"{item!r} is not a regular expression")


def _xml_fault(text: str) -> str:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "a layout of disks has no document type and no entities"
    from xml.etree import ElementTree  # Only who checks a disk layout waits for its import.

    try:
        ElementTree.fromstring(text)  # noqa: S314 -- without entities there is nothing to expand
    except ElementTree.ParseError as fault:
        return f"it is not XML: {fault}"
    return ""


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _device(view: View, entity: Entity) -> Iterator[Problem]:
    if entity.type in NODES and not entity.values.get("category"):
        yield error(entity.path, "category", "it is not set; a node is in one")
    yield from _node_settings(view, entity)
    yield from address_problems(view, entity)
    interface = entity.text("provisioninginterface")
    if interface and view.get(entity.path.inside("interfaces", interface)) is None:
        yield warning(entity.path, "provisioninginterface", f"there is no interface {interface}")


def _fabric(view: View, entity: Entity) -> Iterator[Problem]:
    fault = range_fault(str(entity.values.get("keyrange", "1:1")), 1, LAST_TENANT_KEY.base)
    if fault:
        yield error(entity.path, "keyrange", fault)
    if not entity.values.get("subnetmanagers"):
        yield warning(entity.path, "subnetmanagers", "nothing manages it")
    yield from manager_problems(view, entity)
    yield from host_port_problems(view, entity)


def _partition(view: View, entity: Entity) -> Iterator[Problem]:
    yield from _node_settings(view, entity)
    head = view.get(EntityPath.of("device", entity.text("headnode")))
    if entity.name == BASE and head is not None and head.type != HEAD:
        yield error(entity.path, "headnode", f"{head.name} is a {head.type}, not a {HEAD}")


def _role(view: View, entity: Entity) -> Iterator[Problem]:
    owner = entity.path.parent
    if owner is not None and owner.kind == "category" and entity.values.get("merge") == "keys":
        yield warning(entity.path, "merge", "a category's role has none to add its keys to")
    if entity.name in (INFINIBAND_HOST, SUBNET_MANAGER) and not entity.values.get("fabric"):
        yield warning(entity.path, "fabric", "it is not set; the role does nothing without it")
    if entity.name == INFINIBAND_HOST:
        yield from adapter_problems(view, entity)


_CHECKS: Final[Mapping[str, Check]] = {
    "softwareimage": _softwareimage,
    "category": _category,
    "device": _device,
    "network": network_problems,
    "fabric": _fabric,
    "partition": _partition,
    "roles": _role,
    "interfaces": interface_problems,
    "fsmounts": fsmount_problems,
    "fsexports": fsexport_problems,
    "staticroutes": staticroute_problems,
    "bmcsettings": bmcsettings_problems,
    "broker": broker_problems,
}

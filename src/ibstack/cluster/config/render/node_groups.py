# SPDX-License-Identifier: Apache-2.0
"""Groups of nodes on the head node: /etc/genders for pdsh, and a source for ClusterShell."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.genders import BesideLines
from ibstack.cluster.config.generated import GeneratedFile, Remark
from ibstack.cluster.config.group_sources import BesideSources
from ibstack.cluster.model.device import CATEGORY, HEAD, NODEGROUP, VIRTUAL
from ibstack.cluster.model.naming import group_fault, noun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.cluster.config.generated import Fit
    from ibstack.cluster.config.render.host import Host
    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import View

_TYPES: Final = {HEAD: ("headnode",), VIRTUAL: ("computenode", "virtualnode")}
_NODE: Final = ("computenode",)
_EVERYTHING: Final = "all"


def genders(view: View) -> str:
    """Return a line of /etc/genders for each device, as `node002 all,category=X,computenode,gpu`.

    A node group is an attribute, because a node can be in many and genders takes one value of one
    attribute.  Groups whose names genders would read otherwise are left out: see remarks().
    """
    groups: dict[str, list[str]] = {}
    for group in _sayable(view, NODEGROUP.name):
        for name in group.words("nodes"):
            groups.setdefault(name, []).append(group.name)
    return "".join(
        f"{device.name} {','.join((*_attributes(device), *groups.get(device.name, ())))}\n"
        for device in view.children(None, ("device",))
    )


def clustershell_source(view: View) -> str:
    """Return the group sources `category`, `type` and `nodegroup` of ClusterShell, as YAML.

    A file that is read anew by each program needs no upcall, and no cache is ever stale.
    """
    from ClusterShell.NodeSet import NodeSet

    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for device in view.children(None, ("device",)):
        key = _category(device), (_EVERYTHING, *_TYPES.get(device.type, _NODE))
        alike.setdefault(key, []).append(device.name)
    categories = {each.name: NodeSet() for each in _sayable(view, CATEGORY.name)}
    types: dict[str, NodeSet] = {}
    for (category, names), nodes in alike.items():
        folded = NodeSet.fromlist(nodes)
        if category:
            categories.setdefault(category, NodeSet()).update(folded)
        for name in names:
            types.setdefault(name, NodeSet()).update(folded)
    groups = {
        group.name: NodeSet.fromlist(list(group.words("nodes")))
        for group in _sayable(view, NODEGROUP.name)
    }
    sources = {"category": categories, "type": types, NODEGROUP.name: groups}
    return "".join(line for name, found in sources.items() for line in _yaml(name, found))


def remarks(view: View) -> tuple[Remark, ...]:
    """Return the groups that are left out: pdsh or ClusterShell would read their names otherwise.

    No such name is given any more; a store may have older ones.
    """
    return tuple(
        Remark(f"{noun(kind)} {each.name}", "a group", group_fault(kind, each.name))
        for kind in (CATEGORY.name, NODEGROUP.name)
        for each in view.children(None, (kind,))
        if group_fault(kind, each.name)
    )


def _sayable(view: View, kind: str) -> Iterator[Entity]:
    return (each for each in view.children(None, (kind,)) if not group_fault(kind, each.name))


def _yaml(source: str, groups: Mapping[str, object]) -> Iterator[str]:
    # JSON's strings are YAML's, whatever a name looks like.
    yield f"{source}:\n" if groups else f"{source}: {{}}\n"
    for name, nodes in groups.items():
        yield f"  {json.dumps(name)}: {json.dumps(str(nodes))}\n"


def _attributes(device: Entity) -> Iterator[str]:
    yield _EVERYTHING
    category = _category(device)
    if category:
        yield f"category={category}"
    yield from _TYPES.get(device.type, _NODE)


def _category(device: Entity) -> str:
    value = device.values.get("category", "")
    if not isinstance(value, str) or device.type == HEAD or group_fault(CATEGORY.name, value):
        return ""
    return value


GENDERS_PATH: Final = "/etc/genders"
CLUSTERSHELL_PATH: Final = "/etc/clustershell/groups.d/ibstack.yaml"


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield both files, on a head node."""
    if not host.is_head:
        return
    fits: tuple[tuple[str, str, bool, Fit], ...] = (
        (GENDERS_PATH, genders(host.view), False, BesideLines()),
        (CLUSTERSHELL_PATH, clustershell_source(host.view), True, BesideSources()),
    )
    left_out = remarks(host.view)
    for path, text, whole, fit in fits:
        yield GeneratedFile(
            PurePosixPath(path),
            text,
            "all devices",
            (("nodes", "device: type and device: category"),),
            whole=whole,
            fit=fit,
            remarks=left_out,
        )

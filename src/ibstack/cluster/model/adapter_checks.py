# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with adapters of hosts: their interfaces, the fabrics, who manages those."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective_roles
from ibstack.cluster.model.problem import error, warning
from ibstack.cluster.model.role import INFINIBAND_HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.problem import Problem
    from ibstack.cluster.model.state import Draft, State

_INTERFACE: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,14}")
"""As rules of udev and ini files take it; the kernel would take more."""
_DEFAULT_INTERFACE: Final = "ib0"


def adapter_problems(view: State | Draft, role: Entity) -> Iterator[Problem]:
    """Yield what is wrong with an infinibandhost role."""
    first = str(role.values.get("interface", _DEFAULT_INTERFACE))
    further, fabrics = role.words("furtherinterfaces"), role.words("furtherfabrics")
    for name, words in (("interface", (first,)), ("furtherinterfaces", further)):
        for word in words:
            if not _INTERFACE.fullmatch(word):
                yield error(role.path, name, f"{word!r} is no name of an interface")
    if len(further) != len(fabrics):
        yield error(
            role.path,
            "furtherinterfaces",
            f"there are {len(further)}, and {len(fabrics)} further fabrics: one goes with each",
        )
    every = (first, *further)
    for word in sorted({each for each in every if every.count(each) > 1}):
        yield error(role.path, "furtherinterfaces", f"{word} is named twice")
    if fabrics and not role.values.get("fabric"):
        yield warning(role.path, "furtherfabrics", "they do nothing while fabric is not set")
    modes = {name: _mode(view, name) for name in (role.text("fabric"), *fabrics)}
    if fabrics and len({mode for mode in modes.values() if mode}) > 1:
        said = ", ".join(f"{name}: {mode}" for name, mode in modes.items() if mode)
        yield warning(role.path, "furtherfabrics", f"network nodes have one mode for all ({said})")


def manager_problems(view: State | Draft, fabric: Entity) -> Iterator[Problem]:
    """Yield hosts that manage another fabric as well: files are made for one OpenSM of a host."""
    own = fabric.words("subnetmanagers")
    for other in view.children(None, ("fabric",)):
        if other.path != fabric.path:
            for name in own:
                if name in other.words("subnetmanagers"):
                    why = f"{name} manages {other.name} too; its files are made for one of them"
                    yield warning(fabric.path, "subnetmanagers", why)


def host_port_problems(view: State | Draft, fabric: Entity) -> Iterator[Problem]:
    """Yield hosts whose ports are to be listed, and are not known."""
    if fabric.values.get("hostports") != "listed":
        return
    for device in view.names("device"):
        for name in _interfaces_on(view, device, fabric.name):
            port = view.get(EntityPath.of("device", device).inside("interfaces", name))
            if port is None or not port.values.get("guid"):
                why = f"{device} has no GUID of {name}: its first report is believed"
                yield warning(fabric.path, "hostports", why)


def _interfaces_on(view: State | Draft, device: str, fabric: str) -> Iterator[str]:
    """Yield the interfaces by which a host serves the fabric."""
    role = effective_roles(view, device).get(INFINIBAND_HOST)
    if role is None:
        return
    values = {name: each.value for name, each in role.values.items()}
    further, names = values["furtherfabrics"], values["furtherinterfaces"]
    fabrics = (values["fabric"], *(further if isinstance(further, tuple) else ()))
    interfaces = (values["interface"], *(names if isinstance(names, tuple) else ()))
    for one, interface in zip(fabrics, interfaces, strict=False):
        if one == fabric:
            yield str(interface)


def _mode(view: State | Draft, fabric: str) -> str:
    found = view.get(EntityPath.of("fabric", fabric)) if fabric else None
    return str(found.values.get("mode", "datagram")) if found else ""

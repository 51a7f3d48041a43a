# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with what hosts have: adapters, file systems, routes, and broker accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective_roles
from ibstack.cluster.model.problem import Problem, error, warning
from ibstack.cluster.model.role import INFINIBAND_HOST
from ibstack.cluster.model.value import NO_ADDRESS, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.problem import Problem
    from ibstack.cluster.model.state import View

INTERFACE_NAME: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,14}")
"""As rules of udev and ini files take it; the kernel would take more."""
_DEFAULT_INTERFACE: Final = "ib0"


def adapter_problems(view: View, role: Entity) -> Iterator[Problem]:
    """Yield what is wrong with an infinibandhost role."""
    first = str(role.values.get("interface", _DEFAULT_INTERFACE))
    further, fabrics = role.words("furtherinterfaces"), role.words("furtherfabrics")
    for name, words in (("interface", (first,)), ("furtherinterfaces", further)):
        for word in words:
            if not INTERFACE_NAME.fullmatch(word):
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


def manager_problems(view: View, fabric: Entity) -> Iterator[Problem]:
    """Yield hosts that manage another fabric as well: files are made for one OpenSM of a host."""
    own = fabric.words("subnetmanagers")
    for other in view.children(None, ("fabric",)):
        if other.path != fabric.path:
            for name in own:
                if name in other.words("subnetmanagers"):
                    why = f"{name} manages {other.name} too; its files are made for one of them"
                    yield warning(fabric.path, "subnetmanagers", why)


def host_port_problems(view: View, fabric: Entity) -> Iterator[Problem]:
    """Yield hosts whose ports are to be listed, and are not known."""
    if fabric.values.get("hostports") != "listed":
        return
    for device in view.names("device"):
        for name in _interfaces_on(view, device, fabric.name):
            port = view.get(EntityPath.of("device", device).inside("interfaces", name))
            if port is None or not port.values.get("guid"):
                why = f"{device} has no GUID of {name}: its first report is believed"
                yield warning(fabric.path, "hostports", why)


def _interfaces_on(view: View, device: str, fabric: str) -> Iterator[str]:
    """Yield the interfaces by which a host serves the fabric."""
    role = effective_roles(view, device).get(INFINIBAND_HOST)
    if role is None:
        return
    values = {name: each.value for name, each in role.values.items()}
    fabrics = (values["fabric"], *words_of(values["furtherfabrics"]))
    interfaces = (values["interface"], *words_of(values["furtherinterfaces"]))
    for one, interface in zip(fabrics, interfaces, strict=False):
        if one == fabric:
            yield str(interface)


def _mode(view: View, fabric: str) -> str:
    found = view.get(EntityPath.of("fabric", fabric)) if fabric else None
    return str(found.values.get("mode", "datagram")) if found else ""


def fsmount_problems(_view: View, entity: Entity) -> Iterator[Problem]:
    if not entity.name.startswith("/") and entity.name != "swap":
        yield error(entity.path, "mountpoint", f"{entity.name!r} is not an absolute path")
    if not entity.values.get("device"):
        yield error(entity.path, "device", "it is not set; it is what is mounted")


def fsexport_problems(_view: View, entity: Entity) -> Iterator[Problem]:
    path = entity.text("path")
    if not path.startswith("/"):
        yield error(entity.path, "path", f"{path!r} is not an absolute path")
    if not entity.values.get("network") and not entity.values.get("hosts"):
        yield warning(entity.path, "network", "neither it nor hosts is set: nobody may mount it")


def staticroute_problems(_view: View, entity: Entity) -> Iterator[Problem]:
    if not entity.values.get("gateway") and not entity.values.get("networkdevicename"):
        yield error(entity.path, "gateway", "neither it nor networkdevicename is set")
    if entity.values.get("destination", NO_ADDRESS) == NO_ADDRESS and entity.values.get(
        "netmaskbits", 24
    ):
        yield error(entity.path, "destination", "it is not set; 0 netmaskbits mean everywhere")


def bmcsettings_problems(_view: View, entity: Entity) -> Iterator[Problem]:
    file = entity.text("passwordfile")
    if file and not file.startswith("/"):
        yield error(entity.path, "passwordfile", f"{file!r} is not an absolute path")


# They become words of a shell, of URLs and of ini files.
PLAIN_PATH: Final = re.compile(r"(?:/[-+_.a-zA-Z0-9]+)+")
_NODE: Final = re.compile(r"(?:[a-zA-Z0-9][-.a-zA-Z0-9]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_NAME: Final = re.compile(r"[-.\w]+", re.ASCII)
_VIRTUAL_HOST: Final = re.compile(r"/|[-./\w]+", re.ASCII)

_PASSWORDS: Final = ("serverpasswordfile", "agentpasswordfile", "fabricdpasswordfile")
_TEXTS: Final = (
    *(
        (name, PLAIN_PATH, "no absolute path of plain names")
        for name in (*_PASSWORDS, "answerkeyfile")
    ),
    ("exchange", _NAME, "no plain name"),
    ("virtualhost", _VIRTUAL_HOST, "no plain name"),
)


def broker_problems(_view: View, broker: Entity) -> Iterator[Problem]:
    """Yield what is wrong with the broker's settings."""
    for name, pattern, why in _TEXTS:
        text = broker.text(name)
        if text and not pattern.fullmatch(text):
            yield error(broker.path, name, f"{text!r} is {why}")
    nodes = broker.words("nodes")
    for node in nodes:
        if not _NODE.fullmatch(node):
            yield error(broker.path, "nodes", f"{node!r} is neither HOST nor HOST:PORT")
    if not nodes and any(broker.values.get(name) for name in _PASSWORDS):
        yield warning(broker.path, "nodes", "it is not set; hosts are given no account")
    if broker.values.get("unsignedreports") and not broker.values.get("answerkeyfile"):
        yield warning(broker.path, "unsignedreports", "without answerkeyfile all are taken")

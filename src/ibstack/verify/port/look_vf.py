# SPDX-License-Identifier: Apache-2.0
"""Looking at one VF on this host: what ibstack-eswitchd says, and what the kernel shows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.pci import PciAddress
from ibstack.host.eswitch_client import DEFAULT_SOCKET, EswitchClient, EswitchUnreachable
from ibstack.host.observed import AdapterKind, ObservedAdapter, ObservedAttachment, ObservedVf
from ibstack.verify.port.place_facts import Plug, VfFacts

if TYPE_CHECKING:
    from ibstack.host.observed import ObservedHost
    from ibstack.verify.port.place_facts import Question

_LOWER_HALF: Final = 64 // 16
"""Groups of a GID that are its GUID."""


@dataclass(frozen=True, slots=True)
class HostPlace:
    """Where to look on a host."""

    name: str = os.uname().nodename
    socket: str = DEFAULT_SOCKET
    sysfs: Path = Path("/sys")


def look(place: HostPlace, question: Question) -> VfFacts:
    """Look at the VF of *question*; EswitchUnreachable where ibstack-eswitchd does not answer.

    Without a PCI address: the one that the MAC is plugged at.
    """
    host = _read_host(place)
    mine = next((a for a in host.attachments if a.mac == question.mac), None)
    pci = question.pci or (str(mine.pci) if mine else "")
    others = (a for a in host.attachments if str(a.pci) == pci and a is not mine)
    holder = next(others, None)
    adapter, vf = _of(host.adapters, pci)
    function = place.sysfs / "bus/pci/devices" / pci if pci else None
    return VfFacts(
        host=place.name,
        pci=pci,
        function=function is not None and function.exists(),
        virtual=function is not None and (function / "physfn").exists(),
        physical_networks=tuple(sorted({each.physical_network for each in host.adapters})),
        physical_network=adapter.physical_network if adapter else None,
        kind=adapter.kind.value if adapter else None,
        port_guid=str(adapter.port_guid) if adapter and adapter.port_guid else None,
        port_state=adapter.port_state if adapter else None,
        guid=_guid(place.sysfs, adapter, vf),
        alias=_alias(place.sysfs, adapter, vf),
        link=vf.link.value if vf and vf.link else None,
        index=vf.index if vf else None,
        entry=vf.entry.to_wire() if vf and vf.entry else None,
        plug=_plug(mine),
        holder=_plug(holder),
        problems=host.problems,
    )


def _read_host(place: HostPlace) -> ObservedHost:
    try:
        return EswitchClient(place.socket).read()
    except EswitchUnreachable as error:
        if isinstance(error.__cause__, PermissionError):
            # It may well answer others: that is no fault of the port's way.
            raise TryLater(
                f"cannot look at VFs of {place.name}: {place.socket} lets in root and the group"
                " that ibstack-eswitchd serves; run this as one of them"
            ) from error
        raise


def _of(
    adapters: tuple[ObservedAdapter, ...], pci: str
) -> tuple[ObservedAdapter | None, ObservedVf | None]:
    wanted = PciAddress.parse(pci) if pci else None
    for adapter in adapters:
        for vf in adapter.vfs:
            if vf.pci == wanted:
                return adapter, vf
    return None, None


def _guid(sysfs: Path, adapter: ObservedAdapter | None, vf: ObservedVf | None) -> int | None:
    """Return the GUID as the kernel keeps it: eswitchd tells zero and all ones as none."""
    if adapter is None or vf is None:
        return None
    device = sysfs / "class/infiniband" / adapter.device
    if adapter.kind is AdapterKind.MLX4:
        # Slave 0 is the physical function (mlx4/alias_GUID.c).
        text = _read(device / f"iov/ports/{adapter.port}/admin_guids/{vf.number + 1}")
    else:
        text = _read(device / f"device/sriov/{vf.number}/port")  # MLNX_OFED only.
    if text:
        return int(text.replace(":", ""), 16)
    return vf.guid.value if vf.guid else None


def _alias(sysfs: Path, adapter: ObservedAdapter | None, vf: ObservedVf | None) -> int | None:
    if adapter is None or vf is None or adapter.kind is not AdapterKind.MLX4:
        return None
    device = sysfs / "class/infiniband" / adapter.device
    text = _read(device / f"iov/ports/{adapter.port}/gids/{vf.number + 1}")
    groups = text.split(":")[_LOWER_HALF:]
    return int("".join(groups), 16) if groups else None


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _plug(found: ObservedAttachment | None) -> Plug | None:
    if found is None:
        return None
    return Plug(found.mac, str(found.pci), found.physical_network, found.state.value, found.why)

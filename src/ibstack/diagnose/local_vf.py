# SPDX-License-Identifier: Apache-2.0
"""One VF of this host: what ibstack-eswitchd says, and what the kernel shows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.diagnose.host_facts import Plug, VfFacts
from ibstack.diagnose.kernel_log import KERNEL_LOG, was_declined
from ibstack.diagnose.vf_guids import read_alias, read_guids
from ibstack.fabric.errors import TryLater
from ibstack.fabric.pci import PciAddress
from ibstack.host.client.eswitch_client import DEFAULT_SOCKET, EswitchClient, EswitchUnreachable
from ibstack.runtime.sysfs import Sysfs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.diagnose.host_facts import Question
    from ibstack.diagnose.vf_guids import NetlinkVf
    from ibstack.host.client.observed import (
        ObservedAdapter,
        ObservedAttachment,
        ObservedHost,
        ObservedVf,
    )


def _says_nothing(_index: int) -> Mapping[int, NetlinkVf]:
    return {}


@dataclass(frozen=True, slots=True)
class VfSource:
    """Where a host shows its VFs."""

    name: str = os.uname().nodename
    socket: str = DEFAULT_SOCKET
    sysfs: Path = Path("/sys")
    netlink: Callable[[int], Mapping[int, NetlinkVf]] = _says_nothing
    """Asks the driver of the interface with that index for its VFs, by number."""
    kernel_log: Path = KERNEL_LOG


def read(source: VfSource, question: Question) -> VfFacts:
    """Read the VF of *question*; EswitchUnreachable where ibstack-eswitchd does not answer.

    Without a PCI address: the one that the MAC is plugged at.
    """
    host = _read_host(source)
    mine = next((a for a in host.attachments if a.mac == question.mac), None)
    pci = question.pci or (str(mine.pci) if mine else "")
    others = (a for a in host.attachments if str(a.pci) == pci and a is not mine)
    holder = next(others, None)
    adapter, vf = _of(host.adapters, pci)
    sysfs = Sysfs(source.sysfs)
    function = f"bus/pci/devices/{pci}"
    guids = alias = declined = None
    if adapter is not None and vf is not None:
        guids = read_guids(sysfs, source.netlink, adapter, vf)
        alias = read_alias(sysfs, adapter, vf)
        declined = _declined(source, adapter, vf) if alias == 0 else None
    return VfFacts(
        host=source.name,
        pci=pci,
        function=bool(pci) and sysfs.exists(function),
        virtual=bool(pci) and sysfs.exists(function, "physfn"),
        physical_networks=tuple(sorted({each.physical_network for each in host.adapters})),
        physical_network=adapter.physical_network if adapter else None,
        kind=adapter.kind.value if adapter else None,
        port_guid=str(adapter.port_guid) if adapter and adapter.port_guid else None,
        port_state=adapter.port_state if adapter else None,
        guid=guids.port if guids else None,
        node_guid=guids.node if guids else None,
        guid_source=guids.source if guids else "",
        alias=alias,
        declined=declined,
        link=vf.link.value if vf and vf.link else None,
        index=vf.index if vf else None,
        entry=vf.entry.to_wire() if vf and vf.entry else None,
        plug=_plug(mine),
        holder=_plug(holder),
        problems=host.problems,
    )


def _read_host(source: VfSource) -> ObservedHost:
    try:
        return EswitchClient(source.socket).read()
    except EswitchUnreachable as error:
        if isinstance(error.__cause__, PermissionError):
            # It may well answer others: that is no fault of the port's way.
            raise TryLater(
                f"cannot look at VFs of {source.name}: {source.socket} lets in root and the group"
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


def _declined(source: VfSource, adapter: ObservedAdapter, vf: ObservedVf) -> bool | None:
    slave = vf.number + 1  # Slave 0 is the physical function.
    return was_declined(source.kernel_log, adapter.pci, slave)


def _plug(found: ObservedAttachment | None) -> Plug | None:
    if found is None:
        return None
    return Plug(found.mac, str(found.pci), found.physical_network, found.state.value, found.why)

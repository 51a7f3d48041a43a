# SPDX-License-Identifier: Apache-2.0
"""The adapters and virtual functions of this host, and who has been given which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.host.client.eswitch_client import DEFAULT_SOCKET, EswitchClient
from ibstack.host.client.observed import AttachmentState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.adapter import AdapterKind
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.host.client.observed import Link, ObservedAdapter, ObservedHost

SOCKET: Final = DEFAULT_SOCKET
"""ibstack-eswitchd's."""
FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class VfRow:
    """One VF, an adapter without any, or a VF that is given and not seen.

    Field by field as `-f json` has it.  None: there is none, or it is not known.
    """

    physical_network: str
    interface: str | None = None
    """None, and so is all of the adapter: the VF is not seen."""
    device: str | None = None
    kind: AdapterKind | None = None
    port_guid: Guid | None = None
    vf: int | None = None
    """Counted from 0."""
    pci: PciAddress | None = None
    mac: str | None = None
    guid: Guid | None = None
    entry: TableEntry | None = None
    index: int | None = None
    link: Link | None = None
    state: str | None = None
    """FREE, or an AttachmentState's value."""


@dataclass(frozen=True, slots=True)
class HostVfs:
    """What a host has."""

    rows: tuple[VfRow, ...]
    remarks: tuple[str, ...]
    """What cannot be served, and what an attachment waits for."""


def host_vfs(socket: str) -> HostVfs:
    """Ask the ibstack-eswitchd behind *socket*; TryLater where it cannot be asked."""
    return shown(EswitchClient(socket).read())


def shown(host: ObservedHost) -> HostVfs:
    """Return what there is to show of *host*."""
    waiting = (
        f"VF {each.pci} of {each.mac} is {each.state.value}: {each.why}"
        for each in host.attachments
        # What was left is one of the problems.
        if each.why is not None and each.state is not AttachmentState.LEFT
    )
    return HostVfs(tuple(_rows(host)), (*host.problems, *waiting))


def _rows(host: ObservedHost) -> Iterator[VfRow]:
    attached = {each.pci: each for each in host.attachments}
    for adapter in host.adapters:
        if not adapter.vfs:
            yield VfRow(*_of(adapter))
        for vf in adapter.vfs:
            owner = attached.pop(vf.pci, None)
            yield VfRow(
                *_of(adapter),
                vf=vf.number,
                pci=vf.pci,
                mac=owner.mac if owner else None,
                guid=vf.guid,
                entry=vf.entry,
                index=vf.index,
                link=vf.link,
                state=owner.state.value if owner else FREE,
            )
    for lost in attached.values():
        yield VfRow(lost.physical_network, pci=lost.pci, mac=lost.mac, state=lost.state.value)


def _of(adapter: ObservedAdapter) -> tuple[str, str, str, AdapterKind, Guid | None]:
    return (
        *(adapter.physical_network, adapter.interface, adapter.device),
        *(adapter.kind, adapter.port_guid),
    )

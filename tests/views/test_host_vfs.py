# SPDX-License-Identifier: Apache-2.0
"""The rows of a host: each VF with who has it, adapters without VFs, VFs that are not seen."""

from __future__ import annotations

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.host.client.observed import (
    AttachmentState,
    Link,
    ObservedAdapter,
    ObservedAttachment,
    ObservedHost,
    ObservedVf,
)
from ibstack.views.host_vfs import FREE, VfRow, shown

PF, VF, OTHER = (PciAddress.parse(f"0000:05:00.{number}") for number in range(3))
PORT, GUID, RED = Guid(0x11), Guid(0xFA163E0000000001), TableEntry.parse("0x8001")
MAC = "fa:16:3e:00:00:01"


def adapter(interface: str, *vfs: ObservedVf) -> ObservedAdapter:
    return ObservedAdapter(
        *("ibhostnet", interface, f"mlx4_{interface}", 1, AdapterKind.MLX4),
        *(PF, PORT, "active", vfs),
    )


def attachment(
    pci: PciAddress, state: AttachmentState, why: str | None = None
) -> ObservedAttachment:
    return ObservedAttachment("ibhostnet", MAC, pci, state, why)


def test_a_vf_has_the_attachment_of_its_address_or_is_free() -> None:
    vfs = (ObservedVf(VF, 0, GUID, RED, 4, Link.AUTO), ObservedVf(OTHER, 1, None, None, None, None))
    given = attachment(VF, AttachmentState.PROGRAMMED)

    first, second = shown(ObservedHost(1, (adapter("ib0", *vfs),), (given,), ())).rows

    assert first == VfRow(
        physical_network="ibhostnet",
        interface="ib0",
        device="mlx4_ib0",
        kind=AdapterKind.MLX4,
        port_guid=PORT,
        vf=0,
        pci=VF,
        mac=MAC,
        guid=GUID,
        entry=RED,
        index=4,
        link=Link.AUTO,
        state="programmed",
    )
    assert (second.pci, second.mac, second.state) == (OTHER, None, FREE)


def test_an_adapter_without_vfs_and_a_vf_without_an_adapter_are_rows() -> None:
    lost = attachment(VF, AttachmentState.PENDING)

    bare, unseen = shown(ObservedHost(1, (adapter("ib1"),), (lost,), ())).rows

    assert (bare.interface, bare.vf, bare.state) == ("ib1", None, None)
    assert unseen == VfRow("ibhostnet", pci=VF, mac=MAC, state="pending")


def test_what_an_attachment_waits_for_is_remarked_after_the_problems_and_said_once() -> None:
    waiting = attachment(VF, AttachmentState.PENDING, "no partition yet")
    left = attachment(OTHER, AttachmentState.LEFT, "nobody has detached it")

    found = shown(ObservedHost(1, (), (left, waiting), ("VF is still attached",)))

    assert found.remarks == (
        "VF is still attached",
        f"VF {VF} of {MAC} is pending: no partition yet",
    )

# SPDX-License-Identifier: Apache-2.0
"""What a host shows: its adapters, their virtual functions, and who has been given which.

These values cross the socket of ibstack-eswitchd as JSON (docs/reference/protocols.md).  None
means not known or not set, in JSON null.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, TypeAlias

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress

Json: TypeAlias = dict[str, Any]


class Link(enum.Enum):
    """What the host lets a VF's link be."""

    AUTO = "auto"
    """Follows the physical port.  On mlx4: mapped to an entry of the physical table."""

    UP = "up"

    DOWN = "down"
    """On mlx4, which has no link policy for InfiniBand VFs: mapped to no entry."""


class AttachmentState(enum.Enum):
    """How far an attachment has come."""

    PENDING = "pending"
    PROGRAMMED = "programmed"
    """The VF is as the last `configure` wanted it."""
    LEFT = "left"
    """Neutron has no port for it any more, and nobody has detached it."""


@dataclass(frozen=True, slots=True)
class ObservedVf:
    """One virtual function, as the host's kernel shows it."""

    pci: PciAddress
    number: int
    """Counted from 0, as sysfs names virtfn0."""
    guid: Guid | None
    """None also for zero and the other reserved GUIDs."""
    entry: TableEntry | None
    """mlx4: what virtual index 0 maps to.  mlx5, whose table only the subnet manager sees: what
    `configure` last asked for, while the GUID and the link are as it asked."""
    index: int | None
    """mlx4: the index of the physical port's table that virtual index 0 maps to."""
    link: Link | None
    smi: bool | None = None
    """mlx4: whether its guest may send subnet management datagrams, now or from its next start
    (smi_enabled, enable_smi_admin).  None also for kernels that do not show it, and for mlx5."""

    def to_json(self) -> Json:
        return {
            "pci": str(self.pci),
            "number": self.number,
            "guid": None if self.guid is None else str(self.guid),
            "entry": None if self.entry is None else str(self.entry),
            "index": self.index,
            "link": None if self.link is None else self.link.value,
            "smi": self.smi,
        }

    @classmethod
    def from_json(cls, data: Json) -> ObservedVf:
        return cls(
            pci=PciAddress.parse(data["pci"]),
            number=data["number"],
            guid=None if data["guid"] is None else Guid.parse(data["guid"]),
            entry=None if data["entry"] is None else parse_entry(data["entry"]),
            index=data["index"],
            link=None if data["link"] is None else Link(data["link"]),
            smi=data["smi"],
        )


@dataclass(frozen=True, slots=True)
class ObservedAdapter:
    """One port of an adapter that the host maps to a physical network."""

    physical_network: str
    interface: str
    device: str
    port: int
    kind: AdapterKind
    pci: PciAddress
    port_guid: Guid | None
    port_state: str | None
    """down, init, armed or active."""
    vfs: tuple[ObservedVf, ...]

    def to_json(self) -> Json:
        return {
            "physical_network": self.physical_network,
            "interface": self.interface,
            "device": self.device,
            "port": self.port,
            "kind": self.kind.value,
            "pci": str(self.pci),
            "port_guid": None if self.port_guid is None else str(self.port_guid),
            "port_state": self.port_state,
            "vfs": [vf.to_json() for vf in self.vfs],
        }

    @classmethod
    def from_json(cls, data: Json) -> ObservedAdapter:
        return cls(
            physical_network=data["physical_network"],
            interface=data["interface"],
            device=data["device"],
            port=data["port"],
            kind=AdapterKind(data["kind"]),
            pci=PciAddress.parse(data["pci"]),
            port_guid=None if data["port_guid"] is None else Guid.parse(data["port_guid"]),
            port_state=data["port_state"],
            vfs=tuple(ObservedVf.from_json(vf) for vf in data["vfs"]),
        )


@dataclass(frozen=True, slots=True)
class ObservedAttachment:
    """A VF given to an instance."""

    physical_network: str
    mac: str
    pci: PciAddress
    state: AttachmentState
    why: str | None
    """What a pending attachment waits for, and a left one."""
    instance: str | None = None
    """nova's id of the instance, as Neutron had it when the VF was configured; None: not known."""
    served: bool = False
    """Whether Neutron has ever had a port for it."""
    guest: str | None = None
    """The driver by which a guest has the VF now, such as vfio-pci; None: no guest has it."""

    def to_json(self) -> Json:
        return {
            "physical_network": self.physical_network,
            "mac": self.mac,
            "pci": str(self.pci),
            "state": self.state.value,
            "why": self.why,
            "instance": self.instance,
            "served": self.served,
            "guest": self.guest,
        }

    @classmethod
    def from_json(cls, data: Json) -> ObservedAttachment:
        return cls(
            physical_network=data["physical_network"],
            mac=data["mac"],
            pci=PciAddress.parse(data["pci"]),
            state=AttachmentState(data["state"]),
            why=data["why"],
            instance=data.get("instance"),
            served=data.get("served", False),
            guest=data.get("guest"),
        )


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A plug that an earlier attachment is in the way of."""

    physical_network: str
    mac: str
    pci: PciAddress
    refused: bool
    """False: it waits until it is known whether the other has a port in Neutron."""
    why: str

    def to_json(self) -> Json:
        return {
            "physical_network": self.physical_network,
            "mac": self.mac,
            "pci": str(self.pci),
            "refused": self.refused,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, data: Json) -> HeldUp:
        return cls(**{**data, "pci": PciAddress.parse(data["pci"])})


@dataclass(frozen=True, slots=True)
class ObservedHost:
    """The answer to `read`."""

    sequence: int
    """Differs from an earlier answer's where anything may have changed; otherwise meaningless."""
    adapters: tuple[ObservedAdapter, ...]
    attachments: tuple[ObservedAttachment, ...]
    problems: tuple[str, ...]
    held_up: tuple[HeldUp, ...] = ()

    def to_json(self) -> Json:
        return {
            "sequence": self.sequence,
            "adapters": [adapter.to_json() for adapter in self.adapters],
            "attachments": [attachment.to_json() for attachment in self.attachments],
            "problems": list(self.problems),
            "held_up": [each.to_json() for each in self.held_up],
        }

    @classmethod
    def from_json(cls, data: Json) -> ObservedHost:
        return cls(
            sequence=data["sequence"],
            adapters=tuple(ObservedAdapter.from_json(each) for each in data["adapters"]),
            attachments=tuple(ObservedAttachment.from_json(each) for each in data["attachments"]),
            problems=tuple(data["problems"]),
            held_up=tuple(HeldUp.from_json(each) for each in data.get("held_up", ())),
        )


def parse_entry(text: str) -> TableEntry:
    """Read 0x and 1 to 4 digits, 16 bits with the membership on top; BadValue for anything else."""
    digits = text.strip().lower()
    try:
        entry = TableEntry.from_wire(int(digits, 16)) if digits.startswith("0x") else None
    except ValueError:
        entry = None
    if entry is None:
        raise BadValue("P_Key table entry", text, "expected 0x0001 to 0x7fff, or 0x8001 to 0xffff")
    return entry

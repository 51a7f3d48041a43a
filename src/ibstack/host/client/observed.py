# SPDX-License-Identifier: Apache-2.0
"""What a host shows: its adapters, their virtual functions, and who has been given which.

These values cross the socket of ibstack-eswitchd as JSON (docs/reference/protocols.md).  None
means not known or not set, in JSON null.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import record


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


@record
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


@record
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
    entries: int | None = None
    """Of the port's P_Key table; None: not known."""


@record
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


@record
@dataclass(frozen=True, slots=True)
class BlockedPlug:
    """A plug that an earlier attachment is in the way of."""

    physical_network: str
    mac: str
    pci: PciAddress
    refused: bool
    """False: it waits until it is known whether the other has a port in Neutron."""
    why: str


@record
@dataclass(frozen=True, slots=True)
class ObservedHost:
    """The answer to `read`."""

    sequence: int
    """Differs from an earlier answer's where anything may have changed; otherwise meaningless."""
    adapters: tuple[ObservedAdapter, ...]
    attachments: tuple[ObservedAttachment, ...]
    problems: tuple[str, ...]
    held_up: tuple[BlockedPlug, ...] = ()

# SPDX-License-Identifier: Apache-2.0
"""What a host, a subnet manager's host and a DHCP host show.  None: not known.

Nothing but texts and numbers, since these cross from host to host as JSON (`ibstack host facts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ibstack.fabric.errors import BadValue
from ibstack.formats.codec import BadShape, from_json


@dataclass(frozen=True, slots=True)
class Plug:
    """An attachment of ibstack-eswitchd: a VF that nova gave to an instance."""

    mac: str
    pci: str
    physical_network: str
    state: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class VfFacts:
    """One VF of a host, by its kernel and by ibstack-eswitchd."""

    host: str
    pci: str
    function: bool
    """The kernel has a PCI function there."""
    virtual: bool
    """And it is a virtual one."""
    physical_networks: tuple[str, ...] = ()
    """Those that ibstack-eswitchd maps adapters to."""
    physical_network: str | None = None
    """That of the adapter which has the VF; None: no adapter has it."""
    kind: str | None = None
    port_guid: str | None = None
    """Of the physical port."""
    port_state: str | None = None
    guid: int | None = None
    """As the kernel keeps it, 0 and all ones included."""
    node_guid: int | None = None
    """The same; None also on mlx4."""
    guid_source: str = ""
    """Where they were read."""
    alias: int | None = None
    """mlx4: the GUID that subnet administration has accepted for it; 0: none."""
    declined: bool | None = None
    """mlx4, with none accepted: the kernel's log says that it was declined."""
    link: str | None = None
    index: int | None = None
    """mlx4: where virtual index 0 is mapped."""
    entry: int | None = None
    """mlx4: what is there, 16 bits."""
    plug: Plug | None = None
    """Of the MAC that was asked for."""
    holder: Plug | None = None
    """Of another MAC, on this VF."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedPort:
    """A port on the fabric; *table* holds 16 bits for each index."""

    guid: str
    name: str
    active: bool
    table: tuple[int, ...] | None
    why: str = ""
    """Why its table is not known."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The partitions file of a subnet manager's host."""

    path: str
    whose: str
    """ours, nobody's, foreign, edited; not known."""
    faults: tuple[str, ...] = ()
    proof: int | None = None
    members: dict[str, str] = field(default_factory=dict)
    """Of the port's key: GUID to full or limited."""


@dataclass(frozen=True, slots=True)
class DesiredFacts:
    """What Neutron tells ibstack-fabricd of the port."""

    guids: tuple[str, ...]
    """As what it is a member; none: it is not."""
    held: str | None = None
    """Why Neutron holds it back."""


@dataclass(frozen=True, slots=True)
class FabricFacts:
    """The fabric, as one subnet manager's host sees it."""

    host: str
    opensm_runs: bool | None = None
    serves_vports: bool | None = None
    master: str | None = None
    """The port GUID of the subnet manager in office."""
    master_name: str = ""
    no_master: str = ""
    """Why none is known."""
    unread: str = ""
    """Why the fabric could not be read at all."""
    ports: tuple[ObservedPort, ...] = ()
    proofs: tuple[int, ...] | None = None
    """The proof keys in the table of the port of the master."""
    full_default: tuple[str, ...] = ()
    """Port GUIDs that fabricd.conf lists as full members of the default partition."""
    file: FileFacts | None = None
    desired: DesiredFacts | None = None
    undesired: str = ""
    """Why Neutron could not be asked."""

    def port(self, guid: str) -> ObservedPort | None:
        """Return the port with *guid*; of several, the one that serves."""
        return next((port for port in self.ports if port.guid == guid), None)

    def sharing(self, guid: str) -> list[ObservedPort]:
        """Return the ports with *guid* where there are several; none where it is one port's."""
        found = [port for port in self.ports if port.guid == guid]
        return found if len(found) > 1 else []


@dataclass(frozen=True, slots=True)
class DhcpFacts:
    """One network on a host of neutron-dhcp-agent, for one MAC."""

    host: str
    path: str
    served: bool
    """The agent has a folder for the network."""
    known: bool = False
    """dnsmasq has been told of the MAC."""
    client_id: str | None = None
    """By which dnsmasq knows it."""
    address: str | None = None
    lease: str | None = None
    """The address that was handed out to that client identifier."""
    unmatched: tuple[str, ...] = ()
    """Client identifiers with a lease that no port of the network has."""


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """The IPoIB broadcast group of the port's partition, as a member of it is told."""

    host: str
    there: bool | None
    why: str = ""
    """Why that is not known."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to look at on a host; a part that is None or empty is left out."""

    mac: str
    """Empty: only the VF is known."""
    pci: str | None = None
    key: int | None = None
    """The partition key: asks for the fabric."""
    port_id: str | None = None
    guids: tuple[str, ...] = ()
    """Of the ports whose tables are wanted."""
    network: str | None = None
    """A network's id: asks for its DHCP."""
    group: int | None = None
    """A partition key: asks for its IPoIB broadcast group, of a host that is a member."""
    physical_network: str | None = None
    """Of the group: through whose port the fabric is to be asked."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The answer; a part that was not asked for, or could not be had, is None."""

    vf: VfFacts | None = None
    fabric: FabricFacts | None = None
    dhcp: DhcpFacts | None = None
    group: GroupFacts | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Why a part could not be had: `vf`, `fabric`, `dhcp`, `group`."""


def read_answer(raw: object) -> HostFacts:
    """Read what codec.to_json() made of the answer; BadValue for anything else."""
    try:
        return from_json(HostFacts, raw, whole=True)
    except BadShape as error:
        raise BadValue("answer of ibstack host facts", str(raw)[:80], str(error)) from error

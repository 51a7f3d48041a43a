# SPDX-License-Identifier: Apache-2.0
"""Decide what this host's virtual functions need, and what may be said of them to Neutron.

Pure: what is plugged and what Neutron wants go in, steps and a report come out.  Three rules hold
whatever goes in: a VF that nobody plugged is never written to, a VF leaves before any enters, and a
port is ready only when what was *read back* is exactly what Neutron wants.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from ibstack.host.client.observed import Link

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.host.client.observed import BlockedPlug


@dataclass(frozen=True, slots=True)
class VfState:
    """What a VF was seen to hold.  None: not set, or not known; neither counts as right."""

    guid: Guid | None
    entry: TableEntry | None
    link: Link | None

    @property
    def is_off(self) -> bool:
        """Whether it is seen to be on no partition."""
        return self.link is Link.DOWN and self.entry is None

    def is_on(self, entry: TableEntry) -> bool:
        """Whether it is seen to have *entry*, and a link that may come up."""
        return self.link in (Link.AUTO, Link.UP) and self.entry == entry


@dataclass(frozen=True, slots=True)
class Plugged:
    """A VF that was given to an instance."""

    physical_network: str
    mac: str
    pci: PciAddress
    vf: VfState | None
    """None: the attachment is on record, and its VF is not to be seen now."""
    is_awaited: bool = False
    """eswitchd waits to be told how it should be, and perhaps ebrctl with it."""
    instance: str | None = None
    """nova's id of whose it was when it was configured; None: not known."""
    has_guest: bool = False
    """A guest has the VF."""
    is_served: bool = False
    """Neutron had a port for it once: it is not a plug that overtook its port."""
    is_left: bool = False
    """eswitchd knows that Neutron has none any more."""

    @property
    def is_off(self) -> bool:
        return self.vf is not None and self.vf.is_off


@dataclass(frozen=True, slots=True)
class UnmanagedVf:
    """A VF that nobody plugged through ibstack, as it was seen."""

    physical_network: str
    pci: PciAddress
    vf: VfState
    shows_entry: bool
    """False on mlx5, where only the subnet manager sees the table."""

    def is_live_for(self, port: DesiredPort) -> bool:
        """Whether it is already all that *port* wants."""
        entry = self.vf.entry if self.shows_entry else port.entry
        place = (self.physical_network, self.pci, self.vf.guid, entry)
        wanted = (port.physical_network, port.pci, port.guid, port.entry)
        return place == wanted and self.vf.link in (Link.AUTO, Link.UP)


class Binding(enum.Enum):
    """Whether this host is where the port is, or where it may move to (live migration)."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


@dataclass(frozen=True, slots=True)
class DesiredPort:
    """A Neutron port that is bound to this host."""

    id: str
    mac: str
    guid: Guid
    pci: PciAddress | None
    """None: bound without naming a VF, so that its MAC alone tells which one it is."""
    physical_network: str
    entry: TableEntry
    admin_state_up: bool
    binding: Binding
    is_active: bool
    """Whether Neutron shows it as ACTIVE: on this host, or on another where *binding* is not."""
    revision: int
    instance: str | None = None
    """nova's id of the instance; None: not known."""


@dataclass(frozen=True, slots=True)
class ClearVf:
    """Take a VF off every partition, and its link down."""

    pci: PciAddress
    mac: str
    # What is done to the VF is the same: these say what is put on record.
    has_port: bool = field(default=True, compare=False)
    """Its port wants it so; else Neutron has no port for it."""
    is_left: bool = field(default=False, compare=False)
    """No port is waited for: it had one, or another has its VF and waits for it."""

    def __str__(self) -> str:
        return f"take VF {self.pci} ({self.mac}) off every partition"


@dataclass(frozen=True, slots=True)
class Configure:
    """Give a VF its one table entry, and its link."""

    pci: PciAddress
    mac: str
    entry: TableEntry
    instance: str | None = None
    """Whose it is, to be put on record; None: not known."""

    def __str__(self) -> str:
        return f"give VF {self.pci} ({self.mac}) entry {self.entry}"


@dataclass(frozen=True, slots=True)
class Adopt:
    """Put a VF on record that is what a port wants already; write nothing to it."""

    pci: PciAddress
    mac: str
    physical_network: str
    entry: TableEntry

    def __str__(self) -> str:
        return f"take over VF {self.pci} ({self.mac}) with entry {self.entry}"


Step: TypeAlias = ClearVf | Configure | Adopt


@dataclass(frozen=True, slots=True)
class Pending:
    """A plugged VF that is not what a Neutron port wants, and why."""

    pci: PciAddress
    mac: str
    why: str

    def __str__(self) -> str:
        return f"VF {self.pci} ({self.mac}): {self.why}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order to take them, and what is true before the first of them.

    A port is in at most one of *ready*, *staged* and *gone*.
    """

    steps: tuple[Step, ...] = ()
    ready: tuple[DesiredPort, ...] = ()
    """Plugged, and read back exactly as desired."""
    staged: tuple[DesiredPort, ...] = ()
    """Plugged where it may move to, and kept off every partition until it is there."""
    gone: tuple[DesiredPort, ...] = ()
    """ACTIVE in Neutron, and not live here."""
    pending: tuple[Pending, ...] = ()


def plan(
    plugged: Sequence[Plugged] | None,
    desired: Sequence[DesiredPort] | None,
    loose: Sequence[UnmanagedVf] = (),
    rebinding: Sequence[DesiredPort] = (),
    held_up: Sequence[BlockedPlug] = (),
) -> Plan:
    """Compare what is plugged with what Neutron wants.  None, not known, changes nothing.

    Of *loose* VFs those are taken over that serve a port already: another's agent plugged them, or
    our record was lost, and their instances run.  *rebinding*: ports that Neutron has unbound to
    bind them anew, each as it may be; a VF that is live for one stays so, unless another port wants
    it.  *held_up*: the plugs that what is plugged is in the way of.
    """
    if plugged is None or desired is None:
        return Plan()
    verdicts = [
        _judge(one, desired, rebinding, [each for each in held_up if _is_in_the_way(one, each)])
        for one in plugged
    ]
    steps = [step for judge_attachment in verdicts for step in judge_attachment.steps]
    kept = {
        port.id
        for judge_attachment in verdicts
        if not judge_attachment.is_released
        for port in judge_attachment.ports
    }
    adopted = _adopted(loose, plugged, desired)
    steps += [Adopt(vf.pci, port.mac, vf.physical_network, port.entry) for vf, port in adopted]
    kept |= {port.id for _, port in adopted}
    return Plan(
        # A VF that must leave a tenant leaves before any VF enters one.
        steps=tuple(sorted(steps, key=lambda step: isinstance(step, Configure))),
        ready=tuple(port for v in verdicts if v.is_ready for port in v.ports),
        staged=tuple(port for v in verdicts if v.is_staged for port in v.ports),
        gone=tuple(port for port in desired if _is_gone(port, kept)),
        pending=(
            *(Pending(v.plugged.pci, v.plugged.mac, v.why) for v in verdicts if v.why is not None),
            *(Pending(vf.pci, port.mac, "it is not on record yet") for vf, port in adopted),
        ),
    )


def _adopted(
    loose: Sequence[UnmanagedVf], plugged: Sequence[Plugged], desired: Sequence[DesiredPort]
) -> list[tuple[UnmanagedVf, DesiredPort]]:
    """Return what is live without us.  Two ports that want one VF, or one MAC: a person's case."""
    taken = {one.pci for one in plugged}
    holders = {(one.physical_network, one.mac) for one in plugged}
    wanted = Counter(port.pci for port in desired)
    macs = Counter((port.physical_network, port.mac) for port in desired)
    return [
        (vf, port)
        for port in desired
        for vf in loose
        if port.admin_state_up
        and port.binding is Binding.ACTIVE
        and wanted[port.pci] == macs[port.physical_network, port.mac] == 1
        and vf.pci not in taken
        and (port.physical_network, port.mac) not in holders
        and vf.is_live_for(port)
    ]


@dataclass(frozen=True, slots=True)
class _Verdict:
    plugged: Plugged
    ports: tuple[DesiredPort, ...] = ()
    """The port of Neutron that was plugged; several where that cannot be told."""
    steps: tuple[Step, ...] = ()
    is_ready: bool = False
    is_staged: bool = False
    is_released: bool = False
    """The port is known, and its VF is off because the port is to be down."""
    why: str | None = None


def _judge(
    one: Plugged,
    desired: Sequence[DesiredPort],
    rebinding: Sequence[DesiredPort],
    held_up: Sequence[BlockedPlug],
) -> _Verdict:
    claims = tuple(port for port in desired if _is_same(one, port))
    if len(claims) > 1:
        ids = ", ".join(sorted(port.id for port in claims))
        # Whatever it is now stays: to take it off would let a wrong port cut off a right one.
        return _Verdict(one, claims, why=f"{len(claims)} ports of Neutron claim it: {ids}")
    if not claims and not held_up and _keeps(one, desired, rebinding):
        return _Verdict(one, why="Neutron binds its port anew")
    if not claims:
        is_replaced = any(_is_plug_of(each, port) for each in held_up for port in desired)
        is_left = one.is_served or is_replaced
        return _Verdict(one, steps=_disown(one, is_left), why=_why_unknown(one, desired))
    (port,) = claims
    if one.vf is None:
        return _Verdict(one, claims, why="no adapter of this host shows that VF now")
    if not port.admin_state_up:
        return _Verdict(one, claims, steps=_down(one), is_released=one.is_off)
    if port.binding is Binding.INACTIVE:
        return _Verdict(one, claims, steps=_down(one), is_staged=one.is_off)
    return _judge_live(one, one.vf, port)


def _judge_live(one: Plugged, vf: VfState, port: DesiredPort) -> _Verdict:
    is_right = vf.guid == port.guid and vf.is_on(port.entry)
    # Else its instance is put on record, before its guest has the VF.
    is_known = port.instance in (None, one.instance)
    if is_right and is_known and not one.is_awaited:
        return _Verdict(one, (port,), is_ready=True)
    steps: tuple[Step, ...] = (Configure(one.pci, one.mac, port.entry, port.instance),)
    if vf.entry not in (None, port.entry):
        steps = (ClearVf(one.pci, one.mac), *steps)
    return _Verdict(one, (port,), steps=steps, why=_why_not_live(vf, port))


def _keeps(one: Plugged, desired: Sequence[DesiredPort], rebinding: Sequence[DesiredPort]) -> bool:
    """Whether its port is only unbound for a moment, and it is live for it and for no other."""
    if one.vf is None or any(port.pci == one.pci for port in desired):
        return False
    return any(
        port.pci is not None
        and _is_same(one, port)
        and one.vf.guid == port.guid
        and one.vf.is_on(port.entry)
        for port in rebinding
    )


def _is_in_the_way(one: Plugged, plug: BlockedPlug) -> bool:
    same_mac = (plug.physical_network, plug.mac) == (one.physical_network, one.mac)
    return plug.pci == one.pci or same_mac


def _is_plug_of(plug: BlockedPlug, port: DesiredPort) -> bool:
    place = (plug.physical_network, plug.mac, plug.pci)
    return place == (port.physical_network, port.mac, port.pci)


def _disown(one: Plugged, is_left: bool) -> tuple[Step, ...]:
    """Make sure that it is on no partition, and leave whoever waits for it waiting."""
    is_news = is_left and not one.is_left
    if one.vf is None or (one.is_off and not is_news):
        return ()
    return (ClearVf(one.pci, one.mac, has_port=False, is_left=is_left),)


def _down(one: Plugged) -> tuple[Step, ...]:
    """Make sure that it is on no partition, and say that this is how it should be."""
    is_so = one.vf is None or (one.is_off and not one.is_awaited and not one.is_left)
    return () if is_so else (ClearVf(one.pci, one.mac),)


def _is_same(one: Plugged, port: DesiredPort) -> bool:
    """Whether the port is the one that was plugged: the VF says which, its MAC confirms it.

    Where it has been given to another instance since, the guest that has the VF is the former's.
    """
    if one.has_guest and _is_others(one, port):
        return False
    return (
        port.pci in (None, one.pci)
        and port.physical_network == one.physical_network
        and port.mac == one.mac
    )


def _is_others(one: Plugged, port: DesiredPort) -> bool:
    return None not in (one.instance, port.instance) and one.instance != port.instance


def _why_not_live(vf: VfState, port: DesiredPort) -> str:
    if vf.guid != port.guid:
        return f"its GUID is {vf.guid or 'not set'} and should be {port.guid}"
    if vf.entry != port.entry:
        return f"its entry is {vf.entry or 'not set'} and should be {port.entry}"
    if vf.link not in (Link.AUTO, Link.UP):
        return f"its link is {vf.link.value if vf.link else 'not known'} and should be up"
    return "ibstack-eswitchd was not told yet that it is right"


def _why_unknown(one: Plugged, desired: Sequence[DesiredPort]) -> str:
    for port in desired:
        if _is_same(replace(one, has_guest=False), port):
            return f"Neutron port {port.id} is of instance {port.instance}, not of {one.instance}"
        if port.pci == one.pci and port.mac == one.mac:
            return f"Neutron port {port.id} wants it on physical network {port.physical_network}"
        if port.pci == one.pci:
            return f"Neutron port {port.id} of that VF has MAC {port.mac}"
        if port.mac == one.mac and port.physical_network == one.physical_network:
            return f"Neutron port {port.id} has moved to VF {port.pci}"
    if one.is_served:
        return "Neutron has no port for it any more, and it was never detached"
    return "Neutron has no such port on this host yet"


def _is_gone(port: DesiredPort, kept: Container[str]) -> bool:
    # The status of a port with an inactive binding is that of the host where it is.
    return port.is_active and port.binding is Binding.ACTIVE and port.id not in kept

# SPDX-License-Identifier: Apache-2.0
"""What the mlx4 and mlx5 drivers do on a host, on the fake sysfs and the simulated fabric."""

from __future__ import annotations

import logging
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.mad import FabricReader, PortState, Route
from ibstack_lab.fabric.alias_guids import GUIDS_OF_A_BLOCK, AliasGuids, Declined
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import set_block
from ibstack_lab.hosts import hardware, vports
from ibstack_lab.hosts.hardware import DELETED_GUID, Hardware
from ibstack_lab.hosts.vports import GuestPort

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ibstack.fabric.partition import TableEntry
    from ibstack_lab.fabric.simulated import Fabric
    from ibstack_lab.fabric.watch import WatchedPort
    from ibstack_lab.topology import Host

LOG = logging.getLogger(__name__)

# IBTA vol 1, 10.9.1.2: what a port's table holds when it is powered up.
_POWER_UP_BLOCK: Final = (0xFFFF, *[0] * 31)
_EMPTY_BLOCK: Final = (0,) * 32
# mlx4/alias_GUID.c asks again after 1, 2, 4 … 60 s when the SM declined.
_LONGEST_WAIT_S: Final = 60
_VERIFY_S: Final = 1.0
_SHOWN: Final = {
    PortState.DOWN: hardware.PortState.DOWN,
    PortState.INITIALIZE: hardware.PortState.INIT,
    PortState.ARMED: hardware.PortState.ARMED,
    PortState.ACTIVE: hardware.PortState.ACTIVE,
}


class Silicon:
    """One host: its physical function, and the driver of every guest on a VF of it."""

    def __init__(self, fabric: Fabric, host: Host, folder: Path) -> None:
        """*folder*: hosts/<host> of the lab."""
        self.host = host
        self._fabric = fabric
        self._folder = folder
        self._hardware = Hardware(host, folder / "sys")
        self._numbers = {str(host.vf_pci(number)): number for number in range(host.vfs)}
        self._shown_table: tuple[TableEntry | None, ...] | None = None
        self._shown_ports: dict[int, GuestPort] = {}
        self._shown_physical: GuestPort | None = None
        self._passed_through: dict[int, bool] = {}
        """Which VFs are shown as open; empty until all have been."""
        for number in range(host.vfs):
            self._port_file(number).unlink(missing_ok=True)

    def nodes(self) -> list[str]:
        """Return the ibsim nodes to watch for this host."""
        return [self.host.name]

    def tick(self, ports: dict[str, WatchedPort]) -> None:
        """Bring sysfs and fabric up to date.  *ports*: the nodes of nodes(), as they are now."""
        physical = ports[self.host.name]
        self._hardware.show_port(_SHOWN.get(physical.state, hardware.PortState.DOWN))
        if physical.table is not None and physical.table != self._shown_table:
            self._hardware.show_table([e.to_wire() if e else 0 for e in physical.table])
            self._shown_table = physical.table
        self._show_physical(physical)
        running = self._running()
        self._pass_through(running)
        self._tick_vfs(running, ports)

    def _pass_through(self, running: set[int]) -> None:
        for number in self._numbers.values():
            is_open = number in running
            if self._passed_through.get(number) is not is_open:
                self._hardware.pass_through(number, is_open=is_open)
                self._passed_through[number] = is_open

    def _tick_vfs(self, running: set[int], ports: dict[str, WatchedPort]) -> None:
        raise NotImplementedError

    def _running(self) -> set[int]:
        """Return the numbers of the VFs on which a guest's driver runs."""
        try:
            names = os.listdir(self._folder / "guests")
        except FileNotFoundError:
            return set()
        return {self._numbers[name] for name in names if name in self._numbers}

    def _show_guests(self, seen: dict[int, GuestPort]) -> None:
        for number, port in seen.items():
            if self._shown_ports.get(number) != port:
                vports.write(self._port_file(number), port)
        for number in self._shown_ports.keys() - seen.keys():
            self._port_file(number).unlink(missing_ok=True)
        self._shown_ports = seen

    def _show_physical(self, port: WatchedPort) -> None:
        active = port.state is PortState.ACTIVE
        shown = GuestPort(self.host.port_guid, active, _without_tail(port.table))
        if shown != self._shown_physical:
            vports.write(vports.port_file(self._folder, self.host.pf_pci), shown)
        self._shown_physical = shown

    def _port_file(self, number: int) -> Path:
        return vports.port_file(self._folder, self.host.vf_pci(number))


class Mlx4Silicon(Silicon):
    """ConnectX-3: VFs share the port; each has an alias GUID while its guest's driver runs."""

    def __init__(
        self,
        fabric: Fabric,
        host: Host,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(fabric, host, folder)
        self._clock = clock
        self._registered: dict[int, tuple[int, int]] = {}
        """By VF: the GUID asked for, and the one that the SA accepted."""
        self._again: dict[tuple[int, int], tuple[float, float]] = {}
        """By VF and GUID declined: when to ask again, and how long to wait after that."""
        self._verify_at = 0.0

    def _forget(self) -> None:
        for number in self._registered:
            self._hardware.show_alias(number, None)
        self._registered.clear()
        self._again.clear()

    def _tick_vfs(self, running: set[int], ports: dict[str, WatchedPort]) -> None:
        physical = ports[self.host.name]
        if physical.state is not PortState.ACTIVE:
            self._forget()  # OpenSM drops the aliases of a port that goes.
        else:
            self._tick_aliases(running)
        active = physical.state is PortState.ACTIVE
        self._show_guests({n: self._guest_port(n, physical, active=active) for n in running})

    def _tick_aliases(self, running: set[int]) -> None:
        wanted = {number: self._hardware.vf_guid(number) for number in running}
        self._again = {n: again for n, again in self._again.items() if n[0] in running}
        gone = [
            number
            for number, (asked, _) in self._registered.items()
            if number not in running or wanted[number] not in (asked, None)
        ]
        new = [
            (number, guid)
            for number, guid in wanted.items()
            if guid is not None
            and guid != DELETED_GUID
            and (number in gone or number not in self._registered)
            and self._again.get((number, guid), (0, 0))[0] <= self._clock()
        ]
        verify = bool(self._registered) and self._verify_at <= self._clock()
        if not gone and not new and not verify:
            return
        with closing(Attachment(self._fabric, self.host.name)) as attachment:
            aliases = AliasGuids(attachment, FabricReader(attachment))
            if verify:
                self._verify(aliases)
            for number in gone:
                if number in self._registered:
                    self._delete(aliases, number)
            for number, guid in new:
                self._register(aliases, number, guid)

    def _register(self, aliases: AliasGuids, number: int, guid: int) -> None:
        try:
            accepted = aliases.register(number + 1, guid)
        except Declined as error:
            _, wait_s = self._again.get((number, guid), (0, 1.0))
            self._again[number, guid] = (self._clock() + wait_s, min(2 * wait_s, _LONGEST_WAIT_S))
            LOG.warning("%s, VF %d: %s; again in %g s", self.host.name, number, error, wait_s)
            return
        self._again.pop((number, guid), None)
        self._registered[number] = (guid, accepted)
        self._hardware.show_alias(number, accepted)

    def _verify(self, aliases: AliasGuids) -> None:
        """Forget what subnet administration has forgotten: OpenSM keeps no alias of another's.

        The real driver is told of a new master by the ClientReregister bit; ibsim has none.
        """
        self._verify_at = self._clock() + _VERIFY_S
        for number, (_, accepted) in list(self._registered.items()):
            block, slot = divmod(number + 1, GUIDS_OF_A_BLOCK)
            try:
                known = aliases.read(block)[slot]
            except Declined:
                return  # No subnet manager: as it was.
            if known != accepted:
                LOG.info("%s, VF %d: its alias GUID is gone", self.host.name, number)
                del self._registered[number]

    def _delete(self, aliases: AliasGuids, number: int) -> None:
        try:
            aliases.delete(number + 1)
        except Declined as error:
            LOG.warning("%s, VF %d: %s", self.host.name, number, error)
        del self._registered[number]
        self._hardware.show_alias(number, None)

    def _guest_port(self, number: int, physical: WatchedPort, *, active: bool) -> GuestPort:
        index = self._hardware.vf_index(number)
        table = physical.table or ()
        entry = table[index] if index is not None and index < len(table) else None
        guid = self._registered[number][1] if number in self._registered else None
        return GuestPort(
            guid=Guid(guid) if guid else None,
            active=active and guid is not None,
            table=(entry,) if entry else (),
        )


class Mlx5Silicon(Silicon):
    """ConnectX-4 and later: each VF is a port of its own, linked while a guest's driver runs."""

    def __init__(self, fabric: Fabric, host: Host, folder: Path) -> None:
        super().__init__(fabric, host, folder)
        found = {n: fabric.linked_guid(host.vf_node(n)) for n in range(host.vfs)}
        self._linked: dict[int, Guid] = {n: guid for n, guid in found.items() if guid}

    def nodes(self) -> list[str]:
        return [self.host.name, *map(self.host.vf_node, self._linked)]

    def _tick_vfs(self, running: set[int], ports: dict[str, WatchedPort]) -> None:
        wanted = {number: guid for number in running if (guid := self._wanted(number))}
        for number in self._linked.keys() - wanted.keys():
            self._fabric.reset(self.host.vf_node(number))
            del self._linked[number]
        for number, guid in wanted.items():
            if self._linked.get(number) != guid:
                self._plug(number, guid)
        self._show_guests({number: self._guest_port(number, ports) for number in running})

    def _wanted(self, number: int) -> Guid | None:
        """Return the GUID with which VF *number* should be on the fabric; None: not at all."""
        value = self._hardware.vf_guid(number)
        if value is None:
            return self._linked.get(number)  # A write is on its way: as it was.
        policy = self._hardware.vf_policy(number)
        if policy == "Down" or not value:
            return None
        try:
            return Guid(value)
        except BadValue:
            return None  # Deleted.

    def _plug(self, number: int, guid: Guid) -> None:
        """Start the port anew: what an earlier guest's port held is not there any more."""
        node = self.host.vf_node(number)
        self._fabric.reset(node)
        with closing(Attachment(self._fabric, node)) as attachment:
            set_block(attachment, Route(()), 0, _POWER_UP_BLOCK)
            set_block(attachment, Route(()), 1, _EMPTY_BLOCK)
        self._fabric.set_guid(node, guid)
        self._fabric.link(node)
        self._linked[number] = guid

    def _guest_port(self, number: int, ports: dict[str, WatchedPort]) -> GuestPort:
        port = ports.get(self.host.vf_node(number))
        guid = self._linked.get(number)
        if port is None or guid is None:
            return GuestPort(guid, active=False, table=())
        active = port.state is PortState.ACTIVE
        return GuestPort(guid, active, _without_tail(port.table))


def _without_tail(table: tuple[TableEntry | None, ...] | None) -> tuple[TableEntry | None, ...]:
    """Return *table* without its empty end; empty also where it is not known."""
    held = list(table or ())
    while held and held[-1] is None:
        held.pop()
    return tuple(held)


def silicon(fabric: Fabric, host: Host, folder: Path) -> Silicon:
    """Return the silicon of *host*, by the kind of its adapter."""
    if host.kind is AdapterKind.MLX4:
        return Mlx4Silicon(fabric, host, folder)
    if host.kind is AdapterKind.MLX5:
        return Mlx5Silicon(fabric, host, folder)
    raise ValueError(f"{host.name} has no adapter whose VFs are used")

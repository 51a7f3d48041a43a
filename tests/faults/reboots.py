# SPDX-License-Identifier: Apache-2.0
"""Hosts that reboot in a walk: daemons, guests and adapter begin anew, all at once."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cloud_faults import DHCP_SIDE
from faults.takeovers import master_and_other, wait_for_the_takeover
from ibstack.fabric.adapter import AdapterKind
from ibstack.mad import Route
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import set_block
from ibstack_lab.hosts import hardware
from ibstack_lab.services.dhcp_agent import DhcpAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from faults.model import Place
    from faults.world import World
    from ibstack_lab.process import Process
    from ibstack_lab.topology import Host

_POWER_UP: Final = (0xFFFF, *[0] * 31)
"""IBTA vol 1, 10.9.1.2: a table after a reset of the adapter."""


def reboot(world: World) -> str:
    """Of a compute host: nova then plugs and starts its guests again."""
    host = world.cloud.topology.host(world.rng.choice(world.hosts))
    names = [f"{kind}-{host.name}" for kind in ("eswitchd", "agent")]
    given = [(p, place) for p in world.model.ports for place in p.plugged if place[0] == host.name]
    _are_to_start(world, names)
    world.harm(lambda: _reboot(world, host, names, [place for _, place in given]))
    for port, place in sorted(given, key=lambda each: each[1]):
        world.owe(f"plug {port} again", port, place, _plug(world, port.mac, place))
    return f"reboot {host.name}"


def _reboot(world: World, host: Host, names: Sequence[str], guests: Iterable[Place]) -> None:
    daemons = _end(world, names)
    for place in guests:
        world.guest(place).unlink(missing_ok=True)
    _reset_adapter(world, host)
    _start(daemons)


def reboot_a_manager(world: World) -> str:
    """Of a host with a subnet manager: OpenSM, fabricd, and what serves DHCP if it is there."""
    host = world.rng.choice(world.cloud.topology.subnet_manager_hosts)
    names = [f"fabricd-{host.name}", *(DHCP_SIDE if host.serves_dhcp else ())]
    _are_to_start(world, names)
    hung = world.harm(lambda: _reboot_a_manager(world, host, names))
    return f"reboot {host.name}, which has a subnet manager{hung}"


def _reboot_a_manager(world: World, host: Host, names: Sequence[str]) -> str:
    master, other = master_and_other(world)
    daemons = _end(world, names)
    world.cloud.fabric.kill_subnet_manager(host.name)
    if host.serves_dhcp:
        DhcpAgent(world.cloud.lab, host).remove_namespaces()
    _reset_adapter(world, host)
    hung = wait_for_the_takeover(world, other) if host.name == master else ""
    world.cloud.fabric.start_subnet_manager(host.name)
    _start(daemons)
    return hung


def _are_to_start(world: World, names: Iterable[str]) -> None:
    """A host that boots starts what was dead as well."""
    for name in names:
        world.away.pop(name, None)


def _end(world: World, names: Iterable[str]) -> list[Process]:
    daemons = [world.cloud.process(name) for name in names]
    for process in daemons:
        process.signal(signal.SIGKILL)
        process.stop()
    return daemons


def _start(daemons: Iterable[Process]) -> None:
    for process in daemons:
        process.start()


def _plug(world: World, mac: str, place: Place) -> Callable[[], None]:
    def plug() -> None:
        port = world.model.at(place)
        if port is not None and port.mac == mac:
            world.plug(port, place)

    return plug


def _reset_adapter(world: World, host: Host) -> None:
    """Return when it is as after power up; nothing that drives adapters runs meanwhile."""
    fabric, silicon = world.cloud.fabric, world.cloud.process("silicon")
    silicon.stop()
    fabric.reset(host.name)
    if host.kind is AdapterKind.MLX5:
        for number in range(host.vfs):
            fabric.reset(host.vf_node(number))
    with closing(Attachment(fabric, host.name)) as line:
        set_block(line, Route(()), 0, _POWER_UP)
        set_block(line, Route(()), 1, (0,) * 32)
    if host.kind is not None:
        hardware.build(host, world.cloud.lab.host(host.name) / "sys")
    fabric.link(host.name)
    silicon.start()

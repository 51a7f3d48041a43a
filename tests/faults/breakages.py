# SPDX-License-Identifier: Apache-2.0
"""What breaks in a walk: one function and one line of the table each.

What stays broken is put into `world.away`, with how it is brought back at the next calm.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cloud_faults import KILLED, kill_and_restart
from faults.model import FULL, Place
from faults.small_disks import fill
from ibstack.fabric.guid import Guid
from ibstack.lab.fabric.attachment import Attachment
from ibstack.lab.fabric.tamper import set_block, write_entries
from ibstack.lab.hosts import hardware
from ibstack.lab.topology import AdapterKind
from ibstack.mad import FabricReader, Route
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.world import World
    from ibstack.lab.topology import Host

_POWER_UP: Final = (0xFFFF, *[0] * 31)
"""IBTA vol 1, 10.9.1.2: a table after a reset of the adapter."""
_TAKES_OVER_WITHIN_S: Final = 15.0
_FABRICD: Final = str(Path(sys.executable).with_name("ibstack-fabricd"))


def kill(world: World) -> str:
    """SIGKILL to a daemon of ours or an OpenSM, started again at once as by systemd."""
    name = world.rng.choice(KILLED)
    kill_and_restart(world.cloud, name)
    return f"kill -9 {name}"


def kill_and_leave(world: World) -> str | None:
    """The same, and it is not back before the next calm."""
    name = world.rng.choice([name for name in KILLED if not name.startswith("opensm-")])
    if name in world.away:
        return None
    process = world.cloud.process(name)
    process.signal(signal.SIGKILL)
    wait_for(f"{name} is dead", lambda: not process.running())
    world.away[name] = process.start
    return f"kill -9 {name}, and leave it dead"


def kill_neutron(world: World) -> str:
    """SIGKILL to one of its servers, in the middle of whatever it does."""
    name = world.rng.choice(["neutron-api", "neutron-rpc"])
    kill_and_restart(world.cloud, name)
    return f"kill -9 {name}"


def fail_over(world: World) -> str:
    """SIGKILL to the master OpenSM; it comes back as the standby of the other."""
    fabric, wires = world.cloud.fabric, world.eyes.wires
    names = [host.name for host in world.cloud.topology.subnet_manager_hosts]
    wait_for("there is a master", lambda: any(map(wires.is_master, names)))
    master = next(filter(wires.is_master, names))
    other = next(name for name in names if name != master)
    fabric.kill_subnet_manager(master)
    try:
        wait_for(f"{other} has taken over", lambda: wires.is_master(other), _TAKES_OVER_WITHIN_S)
    except AssertionError:
        # On a busy machine ibsim loses an answer that an OpenSM then waits for until it is ended:
        # ibstack.lab.fabric.subnet_managers.
        kill_and_restart(world.cloud, f"opensm-{other}")
        fabric.start_subnet_manager(master)
        return f"fail over the subnet manager; that of {other} hung and was restarted"
    fabric.start_subnet_manager(master)
    return "fail over the subnet manager"


def cut_rabbitmq(world: World) -> str | None:
    """Nothing comes through, and every connection stays open."""
    return _hold(world, "rabbitmq")


def hang_mariadb(world: World) -> str | None:
    return _hold(world, "mariadb")


def _hold(world: World, name: str) -> str | None:
    if name in world.away:
        return None
    process = world.cloud.process(name)
    process.signal(signal.SIGSTOP)
    world.away[name] = lambda: process.signal(signal.SIGCONT)
    return f"hold {name} in mid-flight"


def stop_mariadb(world: World) -> str | None:
    """In good order: the lab's has no journal that would survive less."""
    return _stop(world, "mariadb", lambda: world.cloud.services().database.ready())


def stop_rabbitmq(world: World) -> str | None:
    return _stop(world, "rabbitmq", lambda: world.cloud.services().broker.ready())


def _stop(world: World, name: str, ready: Callable[[], bool]) -> str | None:
    if name in world.away:
        return None
    process = world.cloud.process(name)
    process.stop()

    def start() -> None:
        process.start()
        wait_for(f"{name} is back", ready)

    world.away[name] = start
    return f"stop {name}"


def fill_a_disk(world: World) -> str | None:
    """Of the state of a host's daemons; on a subnet manager's the partitions file is there too."""
    host = world.rng.choice([host.name for host in world.cloud.topology.hosts])
    what = f"disk of {host}"
    if what in world.away:
        return None
    world.away[what] = fill(world.cloud.lab.host(host) / "state")
    return f"fill the {what}"


def corrupt_partitions(world: World) -> str | None:
    """Somebody edits, breaks or removes the file; at the calm a person orders its restoration."""
    host = world.rng.choice([host.name for host in world.cloud.topology.subnet_manager_hosts])
    how = world.rng.choice(["cut short", "emptied", "edited", "a stranger admitted", "removed"])
    what = f"partitions of {host}"
    if what in world.away or f"disk of {host}" in world.away:
        return None
    path = world.cloud.fabric.partitions_conf(host).resolve()
    text = path.read_text("ascii")
    if how == "removed":
        path.unlink()
    else:
        path.write_text(_CORRUPTED[how](text), "ascii")
    world.away[what] = lambda: _order_restoration(world, host)
    return f"corrupt the {what}: {how}"


_STRANGER: Final = "intruder=0x0777: ALL_CAS=full;\n"
_CORRUPTED: Final[dict[str, Callable[[str], str]]] = {
    "cut short": lambda text: text[: len(text) // 2],
    "emptied": lambda _text: "",
    "edited": lambda text: text.replace("0x7fff", "0x7ffx", 1),
    "a stranger admitted": lambda text: text + _STRANGER,
}


def _order_restoration(world: World, host: str) -> None:
    conf = world.cloud.lab.host(host) / "etc" / "fabricd.conf"
    argv = [_FABRICD, "--config-file", str(conf), "--restore"]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


def rewrite_a_table(world: World) -> str | None:
    """Behind OpenSM's back, of a port that is on the fabric."""
    port = world.choose(lambda p: p.is_live)
    hosts = [host.name for host in world.cloud.topology.compute_hosts]
    host = port.bound_to.host if port and port.bound_to else world.rng.choice(hosts)
    what, entries = world.rng.choice(_REWRITTEN)
    guid = world.cloud.topology.host(host).port_guid
    if port is not None and host not in world.model.mlx4_hosts:
        guid = Guid.from_mac(port.mac)
    foreign = world.rng.choice(list(world.networks)) | FULL
    chosen = {i: foreign if entry is None else entry for i, entry in entries.items()}
    with closing(Attachment(world.cloud.fabric, "sw1")) as line:
        reader = FabricReader(line)
        # A guest's port that is on its way has no table yet to be rewritten.
        with suppress(KeyError):
            write_entries(line, reader, guid, chosen)
    return f"rewrite the table of {guid}: {what}"


_REWRITTEN: Final[list[tuple[str, dict[int, int | None]]]] = [
    ("open default", {0: 0xFFFF}),
    ("cleared", {0: 0x7FFF, 1: 0}),
    ("a tenant's key", {9: None}),
]


def reboot(world: World) -> str:
    """Daemons, guests, adapter: all begin anew; nova then plugs and starts its guests again."""
    host = world.cloud.topology.host(world.rng.choice(world.hosts))
    cloud = world.cloud
    daemons = [cloud.process(f"{kind}-{host.name}") for kind in ("agent", "eswitchd")]
    for process in daemons:
        process.signal(signal.SIGKILL)
        process.stop()
    given = [(p, place) for p in world.model.ports for place in p.plugged if place[0] == host.name]
    for _, place in given:
        world.guest(place).unlink(missing_ok=True)
    silicon = cloud.process("silicon")
    silicon.stop()
    _reset_adapter(world, host)
    silicon.start()
    for process in reversed(daemons):
        world.away.pop(process.name, None)
        process.start()
    for port, place in sorted(given, key=lambda each: each[1]):
        world.owe(f"plug {port} again", port, place, _plug(world, port.mac, place))
    return f"reboot {host.name}"


def _plug(world: World, mac: str, place: Place) -> Callable[[], None]:
    def plug() -> None:
        port = world.model.at(place)
        if port is not None and port.mac == mac:
            world.plug(port, place)

    return plug


def _reset_adapter(world: World, host: Host) -> None:
    fabric = world.cloud.fabric
    fabric.reset(host.name)
    if host.kind is AdapterKind.MLX5:
        for number in range(host.vfs):
            fabric.reset(host.vf_node(number))
    with closing(Attachment(fabric, host.name)) as line:
        set_block(line, Route(()), 0, _POWER_UP)
        set_block(line, Route(()), 1, (0,) * 32)
    hardware.build(host, world.cloud.lab.host(host.name) / "sys")
    fabric.link(host.name)


BREAKAGES: Final[dict[Callable[[World], str | None], float]] = {
    kill: 4,
    kill_and_leave: 2,
    rewrite_a_table: 2,
    corrupt_partitions: 1.5,
    fail_over: 1,
    cut_rabbitmq: 1,
    hang_mariadb: 0.5,
    fill_a_disk: 1.5,
    reboot: 1.5,
    stop_mariadb: 0.7,
    kill_neutron: 0.3,
    stop_rabbitmq: 0.15,
}
"""And how often each is chosen; what takes seconds to come back is rarer."""

# SPDX-License-Identifier: Apache-2.0
"""What breaks in a walk: one function and one line of the table each.

It chooses by the model, and breaks by `world.harm`.  What stays broken is put into `world.away`,
with how it is brought back at the next calm.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cloud_faults import DHCP_SIDE, KILLED, kill_and_restart
from faults.model import FULL
from faults.reboots import reboot, reboot_a_manager
from faults.small_disks import fill, free
from faults.takeovers import master_and_other, wait_for_the_takeover
from ibstack.fabric.guid import Guid
from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import SWITCH
from ibstack_lab.fabric.tamper import write_entries
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from faults.world import World
    from ibstack_lab.fabric.simulated import Fabric
    from ibstack_lab.process import Process

_FABRICD: Final = str(Path(sys.executable).with_name("ibstack-fabricd"))


def kill(world: World) -> str:
    """SIGKILL to a daemon of ours or an OpenSM, started again at once as by systemd."""
    name = world.rng.choice(KILLED)
    world.harm(lambda: kill_and_restart(world.cloud, name))
    return f"kill -9 {name}"


def kill_on_the_dhcp_host(world: World) -> str:
    """The same to what serves DHCP: ours, Neutron's agent with its dnsmasqs, and who watches it."""
    name = world.rng.choice(DHCP_SIDE)
    world.harm(lambda: kill_and_restart(world.cloud, name))
    return f"kill -9 {name}"


def kill_and_leave(world: World) -> str | None:
    """The same, and it is not back before the next calm."""
    ours = [name for name in KILLED if not name.startswith("opensm-")]
    name = world.rng.choice([*ours, *DHCP_SIDE])
    if name in world.away:
        return None
    world.harm(lambda: _kill(world.cloud.process(name)))
    world.away[name] = lambda: world.cloud.process(name).start()
    return f"kill -9 {name}, and leave it dead"


def _kill(process: Process) -> None:
    process.signal(signal.SIGKILL)
    wait_for(f"{process.name} is dead", lambda: not process.running())


def kill_neutron(world: World) -> str:
    """SIGKILL to one of its servers, in the middle of whatever it does."""
    name = world.rng.choice(["neutron-api", "neutron-rpc"])
    world.harm(lambda: kill_and_restart(world.cloud, name))
    return f"kill -9 {name}"


def fail_over(world: World) -> str:
    """SIGKILL to the master OpenSM; it comes back as the standby of the other."""
    return f"fail over the subnet manager{world.harm(lambda: _fail_over(world))}"


def _fail_over(world: World) -> str:
    master, other = master_and_other(world)
    world.cloud.fabric.kill_subnet_manager(master)
    hung = wait_for_the_takeover(world, other)
    world.cloud.fabric.start_subnet_manager(master)
    return hung


def cut_rabbitmq(world: World) -> str | None:
    """Nothing comes through, and every connection stays open."""
    return _hold(world, "rabbitmq")


def hang_mariadb(world: World) -> str | None:
    return _hold(world, "mariadb")


def _hold(world: World, name: str) -> str | None:
    if name in world.away:
        return None
    world.harm(lambda: world.cloud.process(name).signal(signal.SIGSTOP))
    world.away[name] = lambda: world.cloud.process(name).signal(signal.SIGCONT)
    return f"hold {name} in mid-flight"


def stop_mariadb(world: World) -> str | None:
    """In good order: the lab's has no journal that would survive less."""
    return _stop(world, "mariadb", lambda: world.cloud.services().database.ready())


def stop_rabbitmq(world: World) -> str | None:
    return _stop(world, "rabbitmq", lambda: world.cloud.services().broker.ready())


def _stop(world: World, name: str, ready: Callable[[], bool]) -> str | None:
    if name in world.away:
        return None
    world.harm(lambda: world.cloud.process(name).stop())

    def start() -> None:
        world.cloud.process(name).start()
        wait_for(f"{name} is back", ready)

    world.away[name] = start
    return f"stop {name}"


def fill_a_disk(world: World) -> str | None:
    """Of the state of a host's daemons; on a subnet manager's the partitions file is there too."""
    host = world.rng.choice([host.name for host in world.cloud.topology.hosts])
    what = f"disk of {host}"
    if what in world.away:
        return None
    folder = world.cloud.lab.host(host) / "state"
    world.harm(lambda: fill(folder))
    world.away[what] = lambda: free(folder)
    return f"fill the {what}"


def corrupt_partitions(world: World) -> str | None:
    """Somebody edits, breaks or removes the file; at the calm a person orders its restoration."""
    host = world.rng.choice([host.name for host in world.cloud.topology.subnet_manager_hosts])
    how = world.rng.choice(["cut short", "emptied", "edited", "a stranger admitted", "removed"])
    what = f"partitions of {host}"
    if what in world.away or f"disk of {host}" in world.away:
        return None
    path = world.cloud.fabric.partitions_conf(host)
    world.harm(lambda: _corrupt(path.resolve(), how))
    world.away[what] = lambda: _order_restoration(world, host)
    return f"corrupt the {what}: {how}"


def _corrupt(path: Path, how: str) -> None:
    text = path.read_text("ascii")
    if how == "removed":
        path.unlink()
    else:
        path.write_text(_CORRUPTED[how](text), "ascii")


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
    world.harm(lambda: _write(world.cloud.fabric, guid, chosen))
    return f"rewrite the table of {guid}: {what}"


def _write(fabric: Fabric, guid: Guid, entries: Mapping[int, int]) -> None:
    # A guest's port that is on its way has no table yet to be rewritten.
    with closing(Attachment(fabric, SWITCH)) as line, suppress(KeyError):
        write_entries(line, FabricReader(line), guid, entries)


_REWRITTEN: Final[list[tuple[str, dict[int, int | None]]]] = [
    ("open default", {0: 0xFFFF}),
    ("cleared", {0: 0x7FFF, 1: 0}),
    ("a tenant's key", {9: None}),
]


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
    reboot_a_manager: 0.7,
    kill_on_the_dhcp_host: 1.5,
    stop_mariadb: 0.7,
    kill_neutron: 0.3,
    stop_rabbitmq: 0.15,
}
"""And how often each is chosen; what takes seconds to come back is rarer."""

# SPDX-License-Identifier: Apache-2.0
"""Swap networking-mlnx for ibstack under bound ports; print as JSON what was seen meanwhile.

A program of its own, since networking-mlnx's eswitchd wants a network namespace.
Run it as `python tests/upgrade/swap.py FOLDER`, with the checkout and tests/ on PYTHONPATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.hosts import TOPOLOGY
from bench.nova import Nova
from bench.peer import namespace
from bench.peer.services import PeerServices
from bench.peer.side import Peer

from ibstack.fabric.errors import IbstackError
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack_lab.cloud import Cloud
from ibstack_lab.fabric import tables
from ibstack_lab.hosts import hardware
from ibstack_lab.hosts.daemons import Daemons, eswitchd_socket
from ibstack_lab.services.accounts import OPERATOR
from ibstack_lab.services.controller import Services
from ibstack_lab.startup import Startup
from upgrade.how_to import AS_USER, USER, follow
from upgrade.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.nova import BoundPort

    from ibstack_lab.process import Process
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.services.neutron_client import NeutronClient
    from ibstack_lab.startup import Component
    from ibstack_lab.topology import Host

PORTS: Final = 4
_WITHIN_S: Final = 20.0
_SETTLED_S: Final = 3.0
_HOST: Final = TOPOLOGY.compute_hosts[0]
_MASTER: Final = TOPOLOGY.subnet_manager_hosts[0]
_PROGRAMS: Final = Path(sys.executable).parent
# What only a lab needs: a host's files are below its folder.
_ESWITCHD_PATHS: Final = (
    "[eswitchd]\nsocket = {socket}\nstate_path = {folder}/state\nsysfs = {folder}/sys\n"
)
_AGENT_PATHS: Final = "[eswitch]\nsocket = {socket}\n[metrics]\nport = 0\n"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Swapped:
    """The lab after the swap, as bench.nova wants it."""

    name = "ibstack"
    hosts: Sequence[Host] = TOPOLOGY.compute_hosts

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    @property
    def database(self) -> Path:
        return self._cloud.services().database.socket

    def up(self) -> None:
        """It is."""

    def down(self) -> None:
        self._cloud.down()

    def api(self, who: Account) -> NeutronClient:
        return self._cloud.api(who)

    def ebrctl(self, host: Host) -> tuple[Sequence[str], Mapping[str, str]]:
        socket = str(eswitchd_socket(self._cloud.lab, host.name))
        return (str(_PROGRAMS / "ebrctl"),), {"IBSTACK_ESWITCHD_SOCKET": socket}

    def daemons(self, _host: Host) -> Mapping[str, Process]:
        return {}


def main() -> None:
    namespace.enter()
    folder = Path(sys.argv[1])
    peer = Peer(folder, say)
    cloud = Cloud(folder, topology=TOPOLOGY, say=say)
    try:
        peer.up()
        nova = Nova(peer)
        try:
            ports = nova.bound(nova.places(0, PORTS))
            for port in ports:
                nova.plug(port)
            _restart_agent(peer, cloud)
            print(json.dumps(_swap(peer, cloud, nova, ports)))
        finally:
            nova.close()
    finally:
        cloud.down()


def _restart_agent(peer: Peer, cloud: Cloud) -> None:
    """Have its agent look at all VFs anew.

    It has set the ports ACTIVE, and DOWN at once: the GUID that the VF had before is gone, and it
    takes the port that has the VF now for the one that is.
    """
    agent = peer.daemons(_HOST)["agent"]
    agent.stop()
    agent.start()

    def active() -> bool:
        ports = cloud.api(OPERATOR).list("ports")
        return [port["status"] for port in ports] == ["ACTIVE"] * PORTS

    _wait("all are ACTIVE", active)
    time.sleep(_SETTLED_S)


def _swap(peer: Peer, cloud: Cloud, nova: Nova, ports: list[BoundPort]) -> dict[str, Any]:
    adapter = hardware.Hardware(_HOST, cloud.lab.host(_HOST.name) / "sys")
    numbers = [port.place.number for port in ports]
    seen: dict[str, Any] = {"macs": [port.mac for port in ports], "check": _check(cloud)}
    with Samples(peer.database, adapter, numbers) as samples:
        _swap_controller(cloud)
        _swap_host(peer, cloud)
        eswitch = EswitchClient(eswitchd_socket(cloud.lab, _HOST.name))
        try:
            _wait("all are on record", lambda: len(eswitch.read().attachments) == PORTS)
        except SystemExit:
            say(str(cloud.api(OPERATOR).list("ports")))
            say(str([eswitch.read().adapters[0].vfs[n] for n in numbers]))
            raise
        _take_over(cloud, adapter)
        swapped = Nova.__new__(Nova)
        swapped.__dict__ |= nova.__dict__ | {"_side": Swapped(cloud)}
        for port in ports:  # As nova does when it starts again.
            swapped.add_port(port.mac, port.place)
        time.sleep(_SETTLED_S)
    seen |= samples.seen()
    seen["check after"] = _check(cloud)
    (late,) = swapped.bound(swapped.places(PORTS, 1))
    seen["late"] = swapped.plug(late).active_s
    swapped.remove([*ports, late])
    seen["left"] = len(eswitch.read().attachments)
    seen["agent"] = _who_is_the_agent(cloud)
    return seen


def _swap_controller(cloud: Cloud) -> None:
    for name in ("neutron-api", "neutron-rpc"):
        PeerServices(cloud.lab).components()[name].process.stop()
    startup = Startup(say)
    services = Services.prepare(cloud.lab, Path.cwd() / ".cache" / "lab", startup)
    components = services.components()
    startup.launch(components["neutron-rpc"], components["neutron-api"])
    startup.wait()


def _swap_host(peer: Peer, cloud: Cloud) -> None:
    for process in peer.daemons(_HOST).values():
        process.stop()
    # In the lab, and there alone, both have their state in one folder, with a `lock` in it.
    shutil.rmtree(cloud.lab.host(_HOST.name) / "state")
    etc = cloud.lab.host(_HOST.name) / "etc"
    peers = {name: (etc / f"{name}.conf").read_bytes() for name in ("eswitchd", "agent")}
    daemons = _daemons(cloud)
    daemons.configure()
    for name, content in peers.items():
        (etc / f"{name}.conf").write_bytes(content)
    _follow_the_how_to(cloud, etc)
    startup = Startup(say)
    startup.launch(*daemons.eswitchds())
    startup.wait()
    startup.launch(*(_as_user(agent) for agent in daemons.agents(_alive(cloud))))
    startup.wait()


def _follow_the_how_to(cloud: Cloud, etc: Path) -> None:
    """Run its commands on the peer's own files; add nothing but where a lab has its paths."""
    made = follow(etc / "eswitchd.conf", etc / "agent.conf", etc / "ibstack")
    socket, folder = eswitchd_socket(cloud.lab, _HOST.name), cloud.lab.host(_HOST.name)
    for path, paths in zip(made, (_ESWITCHD_PATHS, _AGENT_PATHS), strict=True):
        with path.open("a") as file:
            file.write(paths.format(socket=socket, folder=folder))
        path.rename(etc / path.name)  # Where the lab's daemons look.


def _as_user(agent: Component) -> Component:
    process = agent.process
    return replace(agent, process=replace(process, argv=(*AS_USER, *process.argv)))


def _who_is_the_agent(cloud: Cloud) -> dict[str, Any]:
    """Return its user, and the mode of its file, and whether that is of the user's group."""
    conf = cloud.lab.host(_HOST.name) / "etc" / "agent.conf"
    pid = cloud.process(f"agent-{_HOST.name}").pid()
    status = Path(f"/proc/{pid}/status").read_text()
    return {
        "user": int(re.findall(r"^Uid:\s+(\d+)", status, re.M)[0]),
        "file": [oct(conf.stat().st_mode & 0o777), conf.stat().st_gid == USER.pw_gid],
    }


def _take_over(cloud: Cloud, adapter: hardware.Hardware) -> None:
    """Last: by now every host has said which adapters it has."""
    daemons = _daemons(cloud)
    startup = Startup(say)
    startup.launch(*daemons.fabricds(_alive(cloud)))
    startup.wait()
    conf = cloud.lab.host(_MASTER.name) / "etc/fabricd.conf"
    argv = (_PROGRAMS / "ibstack-fabricd", "--config-file", conf, "--take-over")
    subprocess.run(argv, check=True)
    file = cloud.fabric.partitions_conf(_MASTER.name)
    _wait("fabricd has published", lambda: "Written by ibstack" in file.read_text())
    _wait("the default partition is limited", lambda: _is_hardened(cloud))


def _is_hardened(cloud: Cloud) -> bool:
    """Whether the host's port left what the file before gave to all."""
    for port in tables.read(cloud.fabric, _MASTER.name):
        if port.guid == _MASTER.port_guid and port.entries is not None:
            return any(
                entry is not None and 0x7FF0 <= entry.partition.base < 0x7FF8
                for entry in port.entries
            )
    return False


def _daemons(cloud: Cloud) -> Daemons:
    broker = cloud.services().broker
    return Daemons(cloud.lab, TOPOLOGY, cloud.fabric, broker.transport_url)


def _alive(cloud: Cloud) -> Callable[[str, str], bool]:
    def alive(binary: str, host: str) -> bool:
        with suppress(IbstackError):
            agents = cloud.api(OPERATOR).list("agents", host=host)
            return any(each["alive"] and each["binary"] == binary for each in agents)
        return False

    return alive


def _check(cloud: Cloud) -> dict[str, Any]:
    """Return what `ibstack upgrade-check` says of the lab, and how it ended."""
    etc = cloud.lab.host(_HOST.name) / "etc"
    neutron = cloud.lab.service("neutron") / "neutron.conf"
    done = subprocess.run(
        (
            *(_PROGRAMS / "ibstack", "upgrade-check", "-f", "json"),
            *("--agent", etc / "agent.conf", "--eswitchd", etc / "eswitchd.conf"),
            *("--ml2", neutron, "--neutron", neutron),
            *("--partitions", cloud.fabric.partitions_conf(_MASTER.name)),
        ),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    return {"exit_code": done.returncode, **json.loads(done.stdout)}


def _wait(what: str, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"swap: {what}: not so after {_WITHIN_S:g} s")
        time.sleep(0.1)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""`others`: a tenant's port in a cloud where one project has so many networks: `crowd NETWORKS`.

The port is bound and plugged at once, so that its partition has to come into force first.
`flood`: the same while that project goes on making networks with ports.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pymysql

from bench.paired import rounds
from bench.paired.crowd_rows import DHCP_HOST, CrowdRows, hosts_for
from bench.paired.processes import of_cloud
from bench.paired.rounds import Took
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError
from ibstack.fabric.guid import Guid
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.cloud import Cloud
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.services import accounts
from ibstack_lab.topology import PHYSICAL_NETWORK, Host, Topology

if TYPE_CHECKING:
    from ibstack_lab.services.neutron_client import NeutronClient

_HEAD: Final = Host("head", Guid(0x0002C90300000010), subnet_manager_priority=10)
_NODE: Final = Host("node001", Guid(0x0002C90300000020), AdapterKind.MLX5, vfs=16)
_KEY: Final = 3000
_LOST_AFTER_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.005
_SETTLED_S: Final = 1.5
"""fabricd looks once more a second after a change."""
_WARM: Final = 3
_EBRCTL: Final = str(Path(sys.executable).with_name("ebrctl"))


class _Others:
    """A tenant beside the crowd, one port at a time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._nova = cloud.api(accounts.NOVA)
        self._network = _network(cloud.api(accounts.OPERATOR), "others", _KEY, shared=True)
        self._database = _connect(cloud)
        self._database.autocommit(True)
        self._vfs = count()
        self._pids = of_cloud(cloud)
        for _ in range(_WARM):
            self.one()

    def one(self) -> dict[str, Took]:
        vf = next(self._vfs) % _NODE.vfs
        port = _port(self._nova, self._network)
        cpu_s, began = rounds.cpu_s(self._pids), time.perf_counter()
        self._nova.update("ports", port["id"], **_place(_NODE, vf))
        bound = time.perf_counter()
        self._ebrctl("add-port", port["mac_address"], "", PHYSICAL_NETWORK, "ib_hostdev", vf=vf)
        self._wait(port["id"])
        active = time.perf_counter()
        used = rounds.cpu_s(self._pids) - cpu_s
        time.sleep(_SETTLED_S)
        self._ebrctl("del-port", PHYSICAL_NETWORK, port["mac_address"])
        self._nova.delete("ports", port["id"])
        time.sleep(_SETTLED_S)
        return {
            "bound, plugged at once → ACTIVE": Took(active - bound, used),
            "the binding by Neutron's API": Took(bound - began, 0.0),
        }

    def _wait(self, port_id: str) -> None:
        deadline = time.monotonic() + _LOST_AFTER_S
        with self._database.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute("SELECT status FROM ports WHERE id = %s", (port_id,))
                if cursor.fetchone() == ("ACTIVE",):
                    return
                time.sleep(_LOOK_EVERY_S)
        raise SystemExit(f"cannot measure: port {port_id} did not become ACTIVE")

    def _ebrctl(self, *words: str, vf: int | None = None) -> None:
        place = () if vf is None else (str(_NODE.vf_pci(vf)),)
        socket = eswitchd_socket(self._cloud.lab, _NODE.name)
        env = {**os.environ, "IBSTACK_ESWITCHD_SOCKET": str(socket)}
        argv = [_EBRCTL, *(word or str(uuid.uuid4()) for word in words), *place]
        subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)


class _Flood:
    """Makes networks with ports from the first demand on, as fast as Neutron's API does."""

    def __init__(self, cloud: Cloud, first_key: int) -> None:
        self._cloud = cloud
        self._keys = count(first_key)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.made = 0

    def start(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        operator, nova = self._cloud.api(accounts.OPERATOR), self._cloud.api(accounts.NOVA)
        while not self._stopping.is_set():
            try:
                network = _network(operator, "flood", next(self._keys))
                host = hosts_for(500)[self.made % 10]
                _port(nova, network, **_place(host, 100 + self.made // 10))
                self.made += 1
            except IbstackError as error:
                print(f"bench: {error}", file=sys.stderr)


def _network(api: NeutronClient, name: str, key: int, **fields: object) -> str:
    network = api.create(
        "networks",
        name=name,
        **{
            "provider:network_type": "vlan",
            "provider:physical_network": PHYSICAL_NETWORK,
            "provider:segmentation_id": key,
        },
        **fields,
    )["id"]
    # What is measured is the way of a port, not what a DHCP agent does beside it.
    api.create("subnets", network_id=network, ip_version=4, cidr="10.9.0.0/16", enable_dhcp=False)
    return str(network)


def _port(api: NeutronClient, network: str, **place: object) -> dict[str, str]:
    return api.create(
        "ports",
        network_id=network,
        device_owner="compute:nova",
        device_id=str(uuid.uuid4()),
        **{"binding:vnic_type": "direct"},
        **place,
    )


def _place(host: Host, vf: int) -> dict[str, object]:
    return {"binding:host_id": host.name, "binding:profile": nova_profile(host, vf)}


def _connect(cloud: Cloud) -> pymysql.Connection[tuple[object, ...]]:
    socket = str(cloud.services().database.socket)
    return pymysql.connect(unix_socket=socket, user="root", database="neutron")


def main(networks: int) -> None:
    rounds.ended_by_sigterm()
    topology = Topology((_HEAD, _NODE, *hosts_for(500), DHCP_HOST))
    with rounds.short_folder() as folder:
        cloud = Cloud(
            folder / "lab", topology=topology, say=lambda line: print(line, file=sys.stderr)
        )
        try:
            cloud.up()
            with closing(_connect(cloud)) as connection:
                CrowdRows(connection).fill(networks)
            flood = _Flood(cloud, networks + 1)
            others = _Others(cloud)

            def in_a_flood() -> dict[str, Took]:
                if networks:
                    flood.start()
                return {f"{what}, in a flood": took for what, took in others.one().items()}

            try:
                rounds.serve({"others": others.one, "flood": in_a_flood})
            finally:
                flood.stop()
                print(f"bench: the flood made {flood.made} networks", file=sys.stderr)
        finally:
            cloud.down()


if __name__ == "__main__":
    main(int(sys.argv[1]))

# SPDX-License-Identifier: Apache-2.0
"""A tenant's port on the lab's cloud, acted on in any order, and looked at from every side."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.mad import FabricReader, NotKnown
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.services import accounts
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.fabric.partition import PkeyTable
    from ibstack.host.client.observed import ObservedVf
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.topology import Host

LIMIT_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1
_EBRCTL: Final = str(Path(sys.executable).with_name("ebrctl"))
_NODE_TYPE_WITH_PORTS: Final = "CHANNEL_ADAPTER"
_reading = threading.Lock()


def wait_for(what: str, true: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Return when *true* says so; it may fail with ours while a part of the lab is away."""
    deadline = time.monotonic() + limit_s
    why = ""
    while True:
        try:
            if true():
                return
            why = "not so"
        except (IbstackError, OSError) as error:
            why = str(error)
        assert time.monotonic() < deadline, f"{what}: {why} after {limit_s:g} s"
        time.sleep(_LOOK_EVERY_S)


def tables(cloud: Cloud) -> Mapping[Guid, PkeyTable | NotKnown]:
    """Return every end port's table, read from the fabric."""
    with _reading:  # ibsim has room for ten clients.
        attachment = Attachment(cloud.fabric, cloud.topology.hosts[0].name)
        try:
            reader = FabricReader(attachment)
            ports = [
                port
                for port in reader.discover().ports.values()
                if port.node_type.name == _NODE_TYPE_WITH_PORTS
            ]
            return reader.pkey_tables(ports)
        finally:
            attachment.close()


def ebrctl(cloud: Cloud, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ebrctl as nova would on *host*."""
    env = {**os.environ, "IBSTACK_ESWITCHD_SOCKET": str(eswitchd_socket(cloud.lab, host))}
    return subprocess.run(
        [_EBRCTL, *arguments], env=env, capture_output=True, text=True, timeout=90, check=False
    )


class TenantPort:
    """One Neutron port and the VF that it is meant for."""

    def __init__(self, cloud: Cloud, network: Mapping[str, str], host: Host, vf: int) -> None:
        self.cloud = cloud
        self.network = network
        self.key = PartitionKey(int(network["provider:segmentation_id"]))
        self.host = host
        self.vf_number = vf
        self.pci = host.vf_pci(vf)
        digits = random.randbytes(3).hex(":")
        self.mac = f"fa:16:3e:{digits}"
        self.guid = Guid.from_mac(self.mac)
        self.id = ""
        self._nova = cloud.api(accounts.NOVA)

    def __str__(self) -> str:
        return f"port {self.id or '-'} {self.mac} on {self.host.name} VF {self.pci}"

    # What nova and its users do.  Repeated while a part of the lab is away, as they would.

    @property
    def _place(self) -> dict[str, object]:
        profile = nova_profile(self.host, self.vf_number)
        return {"binding:host_id": self.host.name, "binding:profile": profile}

    def create(self) -> None:
        self._create({})

    def create_bound(self) -> None:
        self._create(self._place)

    def _create(self, place: dict[str, object]) -> None:
        self.id = self._nova.create(
            "ports",
            network_id=self.network["id"],
            mac_address=self.mac,
            device_owner="compute:nova",
            device_id=str(uuid.uuid4()),
            **{"binding:vnic_type": "direct"},
            **place,
        )["id"]

    def bind(self) -> None:
        self._nova.update("ports", self.id, **self._place)

    def plug(self) -> None:
        """As nova, which goes on when it fails; the plug must be on record all the same."""
        arguments = self.mac, str(uuid.uuid4()), PHYSICAL_NETWORK, "ib_hostdev", str(self.pci)
        wait_for(
            f"{self} is plugged",
            lambda: (
                ebrctl(self.cloud, self.host.name, "add-port", *arguments, "--wait", "0").returncode
                in (0, 4)
                and self._attached()
            ),
        )

    def unplug(self) -> None:
        wait_for(
            f"{self} is unplugged",
            lambda: (
                not ebrctl(
                    self.cloud, self.host.name, "del-port", PHYSICAL_NETWORK, self.mac
                ).returncode
                and not self._attached()
            ),
        )

    def delete(self) -> None:
        self._nova.delete("ports", self.id)

    # What is true.

    def status(self) -> str:
        return str(self._nova.show("ports", self.id)["status"])

    def observed_vf(self) -> ObservedVf:
        socket = eswitchd_socket(self.cloud.lab, self.host.name)
        adapters = EswitchClient(socket).read().adapters
        return next(vf for adapter in adapters for vf in adapter.vfs if vf.pci == self.pci)

    def _attached(self) -> bool:
        socket = eswitchd_socket(self.cloud.lab, self.host.name)
        return any(one.mac == self.mac for one in EswitchClient(socket).read().attachments)

    def is_right(self) -> bool:
        """ACTIVE in Neutron, programmed on the host, and a member on the fabric."""
        if self.status() != "ACTIVE":
            return False
        vf = self.observed_vf()
        if vf.guid != self.guid:
            return False
        if self.host.kind is AdapterKind.MLX4:
            table = tables(self.cloud)[self.host.port_guid]
            entry = TableEntry(self.key, full_member=True)
            return (
                not isinstance(table, NotKnown)
                and vf.entry == entry
                and vf.index is not None
                and table[vf.index] == entry
            )
        master = self.cloud.topology.subnet_manager_hosts[0].name
        return str(self.guid) in self.cloud.fabric.partitions_conf(master).read_text()

    def is_clean(self) -> bool:
        """The VF holds nothing of this port any more."""
        vf = self.observed_vf()
        return not self._attached() and vf.guid != self.guid and vf.entry is None

    def wait_until_right(self) -> None:
        wait_for(f"{self} is ACTIVE and right", self.is_right)

    def wait_until_clean(self) -> None:
        wait_for(f"{self} is gone and clean", self.is_clean)

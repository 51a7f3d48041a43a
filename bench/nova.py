# SPDX-License-Identifier: Apache-2.0
"""Plays nova at speed: the same API calls and the same `ebrctl`, on either side.

Source of the order: nova 34, network/neutron.py (_update_ports_for_instance) and
virt/libvirt/vif.py (plug_ib_hostdev, unplug_ib_hostdev).
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.statuses import Statuses
from ibstack.fabric.errors import IbstackError
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.services import accounts
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.side import Side
    from ibstack_lab.topology import Host

PARTITION: Final = 0x321
"""Of the network that all ports are on."""
LOST_AFTER_S: Final = 30.0
"""A port that is not ACTIVE by then, after plug and binding, is counted as lost."""
_EBRCTL_WITHIN_S: Final = 120


@dataclass(frozen=True, slots=True)
class Place:
    """A VF."""

    host: Host
    number: int

    @property
    def pci(self) -> str:
        return str(self.host.vf_pci(self.number))


@dataclass(frozen=True, slots=True)
class BoundPort:
    """A Neutron port that is bound to a VF."""

    id: str
    mac: str
    place: Place


@dataclass(frozen=True, slots=True)
class Plugged:
    """What became of a plug, in seconds from its start."""

    ebrctl_s: float
    active_s: float | None
    """None: lost; negative: ACTIVE before the plug."""


class Nova:
    """One network without DHCP, and what nova does on it."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._api = side.api(accounts.NOVA)
        operator = side.api(accounts.OPERATOR)
        self._network = operator.create(
            "networks",
            name="bench",
            shared=True,
            **{
                "provider:network_type": "vlan",
                "provider:physical_network": PHYSICAL_NETWORK,
                "provider:segmentation_id": PARTITION,
            },
        )["id"]
        # What is measured is the way of a port, not what a DHCP agent does beside it.
        operator.create(
            "subnets", network_id=self._network, ip_version=4, cidr="10.9.0.0/16", enable_dhcp=False
        )
        self._statuses = Statuses(side.database)

    def close(self) -> None:
        self._statuses.stop()

    def places(self, first: int, count: int) -> list[Place]:
        """Return *count* VFs from VF *first* on."""
        host = self._side.hosts[0]
        return [Place(host, first + n) for n in range(count)]

    def create(self, mac: str | None = None) -> tuple[str, str]:
        """Make a port, bound to nothing; return its id and its MAC address."""
        chosen = {} if mac is None else {"mac_address": mac}
        made = self._api.create(
            "ports",
            network_id=self._network,
            device_owner="compute:nova",
            device_id=str(uuid.uuid4()),
            **{"binding:vnic_type": "direct"},
            **chosen,
        )
        return made["id"], made["mac_address"]

    def bind(self, port_id: str, place: Place) -> None:
        """Bind a port to a VF; IbstackError where Neutron does not."""
        profile = nova_profile(place.host, place.number)
        bound = self._api.update(
            "ports", port_id, **{"binding:host_id": place.host.name, "binding:profile": profile}
        )
        if bound["binding:vif_type"] != "ib_hostdev":
            raise IbstackError(
                f"cannot measure {self._side.name}: its port on {place.host.name} was bound as"
                f" {bound['binding:vif_type']!r}, not as 'ib_hostdev'"
            )

    def bound(self, places: Sequence[Place]) -> list[BoundPort]:
        ports = []
        for place in places:
            port_id, mac = self.create()
            self.bind(port_id, place)
            ports.append(BoundPort(port_id, mac, place))
        return ports

    def plug(self, port: BoundPort) -> Plugged:
        """Run `ebrctl add-port` and wait until the port is ACTIVE."""
        began = time.monotonic()
        self.add_port(port.mac, port.place)
        ebrctl_s = time.monotonic() - began
        active = self.wait_active(port.id)
        return Plugged(ebrctl_s, None if active is None else active - began)

    def wait_active(self, port_id: str) -> float | None:
        """Return when (time.monotonic) the port became ACTIVE; None: it is lost."""
        return self._statuses.wait(port_id, LOST_AFTER_S)

    def remove(self, ports: Sequence[BoundPort]) -> None:
        for port in ports:
            self._ebrctl(port.place.host, "del-port", PHYSICAL_NETWORK, port.mac)
            self._api.delete("ports", port.id)

    def add_port(self, mac: str, place: Place) -> None:
        """Plug; CalledProcessError where `ebrctl` refuses."""
        words = ("add-port", mac, "bench", PHYSICAL_NETWORK, "ib_hostdev", place.pci)
        self._ebrctl(place.host, *words)

    def _ebrctl(self, host: Host, *words: str) -> None:
        argv, env = self._side.ebrctl(host)
        subprocess.run(
            [*argv, *words],
            env={**os.environ, **env},
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=_EBRCTL_WITHIN_S,
        )

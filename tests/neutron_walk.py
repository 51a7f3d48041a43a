# SPDX-License-Identifier: Apache-2.0
"""A walk by chance over what may happen to the ports of a fabric, in a Neutron in this process."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTS: Final = ("node003", "node004")


class Walk:
    """Changes of all kinds to ports of a fabric, each drawn by chance."""

    def __init__(self, cloud: Any, seed: int) -> None:
        self.cloud = cloud
        self.chance = random.Random(seed)
        self.networks = [cloud.network(key) for key in (5, 6)]
        self.ports: dict[str, str] = {}
        self.vf = 0
        for host in HOSTS:
            cloud.agent(host)
        cloud.fabricd()

    def create(self) -> None:
        network, host = self.chance.choice(self.networks), self.chance.choice(HOSTS)
        port = self.cloud.port(network, host, pci=self._vf(), device_owner="compute:nova")
        self.ports[port["id"]] = host

    def create_for_its_host(self) -> None:
        network, host = self.chance.choice(self.networks), self.chance.choice(HOSTS)
        attributes = {"device_owner": "network:dhcp", "binding:vnic_type": "normal"}
        self.ports[self.cloud.port(network, host, **attributes)["id"]] = host

    def delete(self) -> None:
        port = self._port()
        self.cloud.delete(port)
        del self.ports[port]

    def replace(self) -> None:
        self.delete()
        self.create()

    def switch(self) -> None:
        self.cloud.update(self._port(), admin_state_up=self.chance.random() < 0.5)

    def another_vf(self) -> None:
        self.cloud.update(self._port(), pci=self._vf())

    def move(self) -> None:
        port = self._port()
        host = self.chance.choice(HOSTS)
        self.cloud.update(port, host=host)
        self.ports[port] = host

    def unbind(self) -> None:
        port = self._port()
        self.cloud.update(port, host="")
        self.ports[port] = ""

    def migrate(self) -> None:
        port = self._port()
        source = self.ports[port]
        if not source:
            return  # Nobody migrates what is nowhere.
        (other,) = set(HOSTS) - {source}
        left = other
        try:
            self.cloud.bind_elsewhere(port, other, self._vf())
            self.cloud.activate(port, other)
            left, self.ports[port] = source, other
        finally:
            # As nova does; Neutron tries for minutes to bind to a host that has another binding.
            self.cloud.plugin.delete_port_binding(self.cloud.fresh(), left, port)

    def in_force(self) -> None:
        self.cloud.in_force(*self.ports)

    def adapter(self) -> None:
        kind = self.chance.choice(("mlx4", "mlx5"))
        guid = f"0x0002c903000000{self.chance.randrange(0x10, 0xFF):02x}"
        self.cloud.agent(self.chance.choice(HOSTS), kind=kind, port_guid=guid)

    def another_mac(self) -> None:
        mac = f"fa:16:3e:00:00:{self.chance.randrange(256):02x}"
        self.cloud.update(self._port(), mac_address=mac)

    def step(self) -> str:
        """Take a step, and return its name."""
        step = self.chance.choice(STEPS if self.ports else (Walk.create,))
        # Neutron refuses some: another MAC of a bound port, a VF that another port has.
        with suppress(Exception):
            step(self)
        return step.__name__

    def _port(self) -> str:
        # In the order in which they were made: by id, another one each time.
        return self.chance.choice(list(self.ports))

    def _vf(self) -> str:
        self.vf = self.vf % 15 + 1
        return f"0000:05:{self.vf // 8:02x}.{self.vf % 8}"


STEPS: Final[tuple[Callable[[Walk], None], ...]] = (
    Walk.create,
    Walk.create_for_its_host,
    Walk.delete,
    Walk.replace,
    Walk.switch,
    Walk.another_vf,
    Walk.move,
    Walk.unbind,
    Walk.migrate,
    Walk.in_force,
    Walk.adapter,
    Walk.another_mac,
)

# SPDX-License-Identifier: Apache-2.0
"""That nothing is new of a fabric: cheap to say, and never said when something is."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_HOSTS: Final = ("node003", "node004")
_STEPS: Final = 80


class Walk:
    """Changes of all kinds to ports of a fabric, each drawn by chance."""

    def __init__(self, cloud: Any, chance: random.Random) -> None:
        self.cloud = cloud
        self.chance = chance
        self.networks = [cloud.network(key) for key in (5, 6)]
        self.ports: dict[str, str] = {}
        self.vf = 0
        for host in _HOSTS:
            cloud.agent(host)
        cloud.fabricd()

    def create(self) -> None:
        network, host = self.chance.choice(self.networks), self.chance.choice(_HOSTS)
        port = self.cloud.port(network, host, pci=self._vf(), device_owner="compute:nova")
        self.ports[port["id"]] = host

    def create_for_its_host(self) -> None:
        network, host = self.chance.choice(self.networks), self.chance.choice(_HOSTS)
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
        host = self.chance.choice(_HOSTS)
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
        (other,) = set(_HOSTS) - {source}
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
        self.cloud.agent(self.chance.choice(_HOSTS), kind=kind, port_guid=guid)

    def another_mac(self) -> None:
        mac = f"fa:16:3e:00:00:{self.chance.randrange(256):02x}"
        self.cloud.update(self._port(), mac_address=mac)

    def _port(self) -> str:
        # In the order in which they were made: by id, another one each time.
        return self.chance.choice(list(self.ports))

    def _vf(self) -> str:
        self.vf = self.vf % 15 + 1
        return f"0000:05:{self.vf // 8:02x}.{self.vf % 8}"


_STEPS_OF_A_WALK: Final[tuple[Callable[[Walk], None], ...]] = (
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


def _content(answer: dict[str, Any]) -> str:
    """Return the part of the etag that is made of all that was read."""
    return str(answer["etag"]).rpartition("-")[2]


def _walk(cloud: Any, seed: int) -> Counter[str]:
    """Walk; return how often each step was taken and made something new."""
    walk = Walk(cloud, random.Random(seed))
    walk.create()
    new: Counter[str] = Counter()
    for number in range(_STEPS):
        step = walk.chance.choice(_STEPS_OF_A_WALK if walk.ports else (Walk.create,))
        before = cloud.wanted_of()
        # Neutron refuses some: another MAC of a bound port, a VF that another port has.
        with suppress(Exception):
            step(walk)

        answer = cloud.wanted_of(etag=before["etag"])

        if _content(cloud.wanted_of()) != _content(before):
            new[step.__name__] += 1
            what = f"step {number} of seed {seed}, {step.__name__}, is not told"
            assert answer["members"] is not None, what
    return new


def test_a_change_of_whatever_kind_is_told(cloud_on_mariadb: Any) -> None:
    assert len(_walk(cloud_on_mariadb, seed=3)) >= len(_STEPS_OF_A_WALK) - 2


def test_nothing_is_read_where_nothing_has_changed(cloud_on_mariadb: Any) -> None:
    cloud = cloud_on_mariadb
    cloud.agent()
    cloud.port(cloud.network(), _HOSTS[0], pci="0000:05:00.1")
    etag = cloud.wanted_of()["etag"]

    assert cloud.wanted_of(etag=etag) == {"etag": etag, "members": None, "held": None}

    # Another network's: looked at, and nothing new.
    cloud.network(7)
    answer = cloud.wanted_of(etag=etag)
    assert answer["members"] is None
    assert answer["held"] == []
    assert answer["etag"] != etag
    assert _content(answer) == _content({"etag": etag})


def test_a_database_that_reuses_numbers_is_always_read(cloud: Any) -> None:
    cloud.agent()
    cloud.port(cloud.network(), _HOSTS[0], pci="0000:05:00.1")
    etag = cloud.wanted_of()["etag"]

    assert cloud.wanted_of(etag=etag) == {"etag": etag, "members": None, "held": []}

# SPDX-License-Identifier: Apache-2.0
"""The lab's controller: database, broker, identity and network service, as one."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Final

from ibstack.runtime.atomic_file import replace_file
from ibstack_lab.folder import listening
from ibstack_lab.services import prepared
from ibstack_lab.services.keystone import Keystone
from ibstack_lab.services.mariadb import MariaDb
from ibstack_lab.services.neutron_server import NeutronServer
from ibstack_lab.services.rabbitmq import RabbitMq
from ibstack_lab.startup import Component

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.startup import Startup

NAMES: Final = (
    *("epmd", "rabbitmq", "mariadb", "keystone", "nova-events", "neutron-api", "neutron-rpc"),
)
MECHANISM_DRIVER: Final = "infiniband"
_RPC_QUEUE: Final = "ibstack-plugin"
"""Of the mechanism driver: docs/reference/protocols.md."""


class Services:
    """What runs on the controller besides our own daemons."""

    def __init__(self, lab: LabFolder) -> None:
        """The lab's ports have been chosen."""
        self._lab = lab
        self.password = prepared.password(lab)
        self.broker = RabbitMq(lab, self.password)
        self.database = MariaDb(lab)
        self.keystone = Keystone(lab, self.database, self.password)
        self.neutron = NeutronServer(lab, self.database, MECHANISM_DRIVER)

    @classmethod
    def prepare(cls, lab: LabFolder, cache: Path, startup: Startup) -> Services:
        """Put a prepared database into *lab* unless it has one, and write all configuration."""
        lab.choose_ports()
        if not MariaDb(lab).data.exists():
            prepared.copy_into(lab, cache, startup.say)
        services = cls(lab)
        if not lab.answer_key.exists():
            replace_file(lab.answer_key, secrets.token_hex(32), mode=0o600)
        services.broker.configure()
        services.keystone.configure()
        services.neutron.configure(services.keystone, services.broker, services.password)
        return services

    def launch(self, startup: Startup) -> None:
        """Start all, and return while most of them are still on their way."""
        components = self.components()
        startup.launch(components["epmd"], components["mariadb"])
        startup.wait("epmd")
        startup.launch(components["rabbitmq"])
        startup.wait("mariadb")
        urls = {"network": self.neutron.url, "compute": f"{self._nova_url}/v2.1"}
        self.keystone.point_catalogue(urls)
        # The RPC server first: our daemons wait for it.
        names = ("neutron-rpc", "keystone", "neutron-api", "nova-events")
        startup.launch(*(components[name] for name in names))

    def components(self) -> dict[str, Component]:
        broker, neutron, keystone = self.broker, self.neutron, self.keystone
        return {
            "epmd": Component(broker.port_mapper(), broker.port_mapper_ready),
            "mariadb": Component(self.database.process(), self.database.ready),
            "rabbitmq": Component(broker.process(), broker.ready),
            "keystone": Component(keystone.process(), keystone.ready),
            "nova-events": Component(self._nova_events(), lambda: listening(self._nova_port)),
            "neutron-api": Component(neutron.api(), neutron.ready),
            "neutron-rpc": Component(
                neutron.rpc(),
                lambda: all(broker.served(queue) for queue in ("q-reports-plugin", _RPC_QUEUE)),
            ),
        }

    @property
    def _nova_port(self) -> int:
        return self._lab.port("nova")

    @property
    def _nova_url(self) -> str:
        return f"http://127.0.0.1:{self._nova_port}"

    def _nova_events(self) -> Process:
        argv = (sys.executable, "-m", "ibstack_lab.services.nova_events", str(self._nova_port))
        return self._lab.process("nova-events", argv)

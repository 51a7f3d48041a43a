# SPDX-License-Identifier: Apache-2.0
"""The lab's controller: database, broker, identity and network service, as one."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Final

from ibstack.runtime.atomic_file import replace_file
from ibstack_lab.folder import listening
from ibstack_lab.nova import controller as nova
from ibstack_lab.nova.controller import NovaController
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

_NAMES: Final = ("epmd", "rabbitmq", "mariadb", "keystone", "neutron-api", "neutron-rpc")
MECHANISM_DRIVER: Final = "infiniband"
_RPC_QUEUE: Final = "ibstack-plugin"
"""Of the mechanism driver: docs/reference/protocols.md."""


def names(lab: LabFolder) -> tuple[str, ...]:
    """Return the names of what runs on the controller of *lab*, also where it is not up."""
    has_nova = nova.folder_of(lab).exists()
    return (*_NAMES, *(nova.NAMES if has_nova else ("nova-events",)))


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
        self.nova: NovaController | None = None
        """None: the lab plays nova."""
        if nova.folder_of(lab).exists():
            self.nova = NovaController(
                *(lab, self.database, self.broker, self.keystone, self.password)
            )

    @classmethod
    def prepare(
        cls, lab: LabFolder, cache: Path, startup: Startup, *, with_nova: bool = False
    ) -> Services:
        """Put a prepared database into *lab* unless it has one, and write all configuration."""
        lab.choose_ports()
        if not MariaDb(lab).data.exists():
            prepared.copy_into(lab, cache, startup.say, with_nova=with_nova)
        services = cls(lab)
        if not lab.answer_key.exists():
            replace_file(lab.answer_key, secrets.token_hex(32), mode=0o600)
        services.broker.configure()
        services.keystone.configure()
        services.neutron.configure(services.keystone, services.broker, services.password)
        if services.nova is not None:
            services.nova.configure()
        return services

    def launch(self, startup: Startup) -> None:
        """Start all, and return while most of them are still on their way."""
        components = self.components()
        startup.launch(components["epmd"], components["mariadb"])
        startup.wait("epmd")
        startup.launch(components["rabbitmq"])
        startup.wait("mariadb")
        urls = {"network": self.neutron.url, "compute": f"{self._nova_url}/v2.1"}
        if self.nova is not None:
            urls |= self.nova.urls
        self.keystone.point_catalogue(urls)
        # The RPC server first: our daemons wait for it.
        startup.launch(*(components[name] for name in ("neutron-rpc", "keystone", "neutron-api")))
        if self.nova is None:
            startup.launch(components["nova-events"])
        else:
            startup.launch(*self.nova.early())

    def components(self) -> dict[str, Component]:
        broker, neutron, keystone = self.broker, self.neutron, self.keystone
        found = {
            "epmd": Component(broker.port_mapper(), broker.port_mapper_ready),
            "mariadb": Component(self.database.process(), self.database.ready),
            "rabbitmq": Component(broker.process(), broker.ready),
            "keystone": Component(keystone.process(), keystone.ready),
            "neutron-api": Component(neutron.api(), neutron.ready),
            "neutron-rpc": Component(
                neutron.rpc(),
                lambda: all(broker.served(queue) for queue in ("q-reports-plugin", _RPC_QUEUE)),
            ),
        }
        if self.nova is not None:
            return found | self.nova.components()
        events = Component(self._nova_events(), lambda: listening(self._nova_port))
        return found | {"nova-events": events}

    @property
    def _nova_port(self) -> int:
        return self._lab.port("nova")

    @property
    def _nova_url(self) -> str:
        return f"http://127.0.0.1:{self._nova_port}"

    def _nova_events(self) -> Process:
        argv = (sys.executable, "-m", "ibstack_lab.services.nova_events", str(self._nova_port))
        return self._lab.process("nova-events", argv)

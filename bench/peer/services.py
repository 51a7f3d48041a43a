# SPDX-License-Identifier: Apache-2.0
"""The lab's controller with the peer's mechanism driver: its Neutron runs in `.venv-peer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import ibstack_lab.services.wsgi
from ibstack_lab.services.controller import Services
from ibstack_lab.services.neutron_server import NeutronServer
from ibstack_lab.startup import Component

if TYPE_CHECKING:
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process

PROGRAMS: Final = Path(__file__).parents[2] / ".venv-peer" / "bin"
MECHANISM_DRIVER: Final = "mlnx_infiniband"
_WSGI: Final = str(ibstack_lab.services.wsgi.__file__)


class PeerNeutron(NeutronServer):
    """The same configuration but for the driver, and the same release of Neutron."""

    def api(self) -> Process:
        # By its path, and without its folder on the module path (-P): in the peer's environment
        # there is no ibstack, whose drivers have the same names.
        argv = (str(PROGRAMS / "python"), "-P", _WSGI, *super().api().argv[-2:])
        ours = super().api()
        return self._lab.process(ours.name, argv, env=ours.env, cwd=ours.cwd)

    def rpc(self) -> Process:
        ours = super().rpc()
        argv = (str(PROGRAMS / "neutron-rpc-server"), *ours.argv[1:])
        return self._lab.process(ours.name, argv, cwd=ours.cwd)


class PeerServices(Services):
    """MariaDB, RabbitMQ and Keystone as they are in any lab."""

    def __init__(self, lab: LabFolder) -> None:
        super().__init__(lab)
        self.neutron = PeerNeutron(lab, self.database, MECHANISM_DRIVER)

    def components(self) -> dict[str, Component]:
        served = ("q-reports-plugin", "q-plugin")
        rpc = Component(
            self.neutron.rpc(), lambda: all(self.broker.served(queue) for queue in served)
        )
        return {**super().components(), "neutron-rpc": rpc}

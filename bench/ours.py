# SPDX-License-Identifier: Apache-2.0
"""The side of ibstack: the lab as it is, on the hosts of the measurement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.hosts import TOPOLOGY
from ibstack_lab.cloud import Cloud
from ibstack_lab.hosts.daemons import eswitchd_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ibstack_lab.process import Process
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.services.neutron_client import NeutronClient
    from ibstack_lab.topology import Host


class Ours:
    """A cloud with ibstack's driver, daemons and `ebrctl`."""

    name = "ibstack"

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._cloud = Cloud(folder, topology=TOPOLOGY, say=say)
        self.hosts: Sequence[Host] = TOPOLOGY.compute_hosts

    @property
    def database(self) -> Path:
        return self._cloud.services().database.socket

    def up(self) -> None:
        self._cloud.up()

    def down(self) -> None:
        self._cloud.down()

    def api(self, who: Account) -> NeutronClient:
        return self._cloud.api(who)

    def ebrctl(self, host: Host) -> tuple[Sequence[str], Mapping[str, str]]:
        socket = eswitchd_socket(self._cloud.lab, host.name)
        program = str(Path(sys.executable).with_name("ebrctl"))
        return (program,), {"IBSTACK_ESWITCHD_SOCKET": str(socket)}

    def daemons(self, host: Host) -> Mapping[str, Process]:
        return {each: self._cloud.process(f"{each}-{host.name}") for each in ("agent", "eswitchd")}

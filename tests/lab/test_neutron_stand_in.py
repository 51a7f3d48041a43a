# SPDX-License-Identifier: Apache-2.0
"""The lab's stand-in for Neutron holds what agents rely on, as the real one does."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.services.neutron_stand_in import NeutronStandIn, StandInPort
from neutron_contract import FABRIC, NeutronContract

if TYPE_CHECKING:
    from collections.abc import Collection


class StandIn:
    def __init__(self) -> None:
        self._neutron = NeutronStandIn()

    def bind(self, mac: str, pci: str, host: str, key: int) -> str:
        port_id = str(uuid.uuid4())
        entry = f"0x{0x8000 | key:04x}"
        self._neutron.create(StandInPort(port_id, mac, entry, FABRIC, host, pci))
        return port_id

    def delete(self, port_id: str) -> None:
        self._neutron.delete(port_id)

    def status(self, port_id: str) -> str | None:
        return self._neutron.status(port_id)

    def host_ports(self, host: str, etag: str | None) -> object:
        return self._neutron.host_ports_on_the_wire(host, etag)

    def report_host(
        self, host: str, ready: Collection[str], gone: Collection[str], failed: Collection[str]
    ) -> object:
        return self._neutron.report_host_on_the_wire(host, ready, gone, failed)


class TestStandIn(NeutronContract):
    @pytest.fixture
    def neutron(self) -> StandIn:
        return StandIn()

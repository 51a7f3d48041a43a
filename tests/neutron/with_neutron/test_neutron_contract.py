# SPDX-License-Identifier: Apache-2.0
"""The real endpoint in a real Neutron holds what agents rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from neutron_contract import HOST, OTHER, NeutronContract

from .conftest import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

    from .conftest import Cloud


class RealNeutron:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._networks: dict[int, str] = {}
        for host in (HOST, OTHER):
            cloud.agent(host)

    def bind(self, mac: str, pci: str, host: str, key: int) -> str:
        if key not in self._networks:
            self._networks[key] = self._cloud.network(key)
        return str(self._cloud.port(self._networks[key], host, pci=pci, mac_address=mac)["id"])

    def delete(self, port_id: str) -> None:
        self._cloud.delete(port_id)

    def status(self, port_id: str) -> str | None:
        try:
            return self._cloud.status(port_id)
        except Refused:
            return None

    def host_ports(self, host: str, etag: str | None) -> Any:
        return self._cloud.wanted_on(host, etag)

    def report_host(
        self, host: str, ready: Collection[str], gone: Collection[str], failed: Collection[str]
    ) -> Any:
        more = {"failed": list(failed)} if failed else {}
        return self._cloud.rpc.report_host(
            self._cloud.fresh(), host=host, ready=list(ready), gone=list(gone), **more
        )


class TestRealNeutron(NeutronContract):
    @pytest.fixture
    def neutron(self, cloud: Cloud) -> RealNeutron:
        return RealNeutron(cloud)

# SPDX-License-Identifier: Apache-2.0
"""What an agent may rely on when it asks Neutron for its host's ports and reports on them.

Held by the real endpoint in a real Neutron, and by the lab's stand-in for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.neutron.protocol.replies import (
    HostPorts,
    HostReport,
    read_host_ports,
    read_host_report,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

HOST, OTHER = "node003", "node004"
FABRIC = "ibhostnet"
MAC, SLOT, KEY = "fa:16:3e:aa:bb:cc", "0000:05:00.1", 5
NOBODYS = "00000000-0000-0000-0000-000000000000"


class Neutron(Protocol):
    """One end of the wire, and what the API's users do behind it."""

    def bind(self, mac: str, pci: str, host: str, key: int) -> str:
        """Bind a new port of a network with *key* to a VF; return its id."""

    def delete(self, port_id: str) -> None: ...

    def status(self, port_id: str) -> str | None: ...

    def host_ports(self, host: str, etag: str | None) -> object:
        """Return the answer as it goes over the wire."""

    def report_host(
        self,
        host: str,
        ready: Collection[str],
        gone: Collection[str],
        failed: Collection[str],
    ) -> object:
        """Return the answer as it goes over the wire."""


def ports_of(neutron: Neutron, host: str = HOST, etag: str | None = None) -> HostPorts:
    return read_host_ports(neutron.host_ports(host, etag), "ask")


def report(
    neutron: Neutron,
    host: str = HOST,
    *,
    ready: Collection[str] = (),
    gone: Collection[str] = (),
    failed: Collection[str] = (),
) -> HostReport:
    answer = neutron.report_host(host, list(ready), list(gone), list(failed))
    return read_host_report(answer, "report")


def bound(neutron: Neutron) -> str:
    return neutron.bind(MAC, SLOT, HOST, KEY)


class NeutronContract:
    """Tests with a fixture `neutron` of their own."""

    def test_a_bound_port_is_told_to_its_host_alone(self, neutron: Neutron) -> None:
        port_id = bound(neutron)

        assert ports_of(neutron, OTHER).ports == ()
        (port,) = ports_of(neutron).ports or ()
        assert (port.port_id, port.mac, port.guid) == (port_id, MAC, Guid.from_mac(MAC))
        assert (port.pci, port.physical_network) == (PciAddress.parse(SLOT), FABRIC)
        assert port.entry == TableEntry.parse("0x8005")
        assert (port.active, port.admin_state_up, port.status) == (True, True, "DOWN")

    def test_nothing_new_is_told_without_ports_and_every_change_is_news(
        self, neutron: Neutron
    ) -> None:
        etags = [ports_of(neutron).etag]
        changes: tuple[Callable[[], object], ...] = (
            lambda: bound(neutron),
            lambda: neutron.bind("fa:16:3e:aa:bb:cd", "0000:05:00.2", HOST, KEY),
        )
        for change in changes:
            change()
            etags.append(ports_of(neutron).etag)
            assert ports_of(neutron, etag=etags[-2]).ports is not None
            assert ports_of(neutron, etag=etags[-1]).ports is None
        assert len(set(etags)) == 3

    def test_a_status_that_has_changed_is_news(self, neutron: Neutron) -> None:
        port_id = bound(neutron)
        before = ports_of(neutron).etag

        report(neutron, ready=[port_id])

        (port,) = ports_of(neutron, etag=before).ports or ()
        assert port.status == "ACTIVE"

    def test_ports_are_told_in_the_order_of_their_ids(self, neutron: Neutron) -> None:
        for n in range(1, 6):
            neutron.bind(f"fa:16:3e:aa:bb:0{n}", f"0000:05:00.{n}", HOST, KEY)

        told = [port.port_id for port in ports_of(neutron).ports or ()]

        assert told == sorted(told)
        assert len(told) == 5

    def test_a_deleted_port_is_told_no_more(self, neutron: Neutron) -> None:
        port_id = bound(neutron)
        before = ports_of(neutron).etag

        neutron.delete(port_id)

        assert ports_of(neutron, etag=before).ports == ()
        assert neutron.status(port_id) is None

    def test_ready_is_active_gone_is_down_and_failed_is_an_error(self, neutron: Neutron) -> None:
        port_id = bound(neutron)
        statuses = []

        for _ in range(2):  # Safe to repeat.
            assert report(neutron, ready=[port_id]) == HostReport(frozenset())
        statuses.append(neutron.status(port_id))
        report(neutron, gone=[port_id])
        statuses.append(neutron.status(port_id))
        report(neutron, failed=[port_id])
        statuses.append(neutron.status(port_id))

        assert statuses == ["ACTIVE", "DOWN", "ERROR"]

    def test_a_report_names_its_host_and_is_judged_by_the_binding(self, neutron: Neutron) -> None:
        port_id = bound(neutron)

        for told in ({"ready": [port_id]}, {"gone": [port_id]}, {"failed": [port_id]}):
            assert report(neutron, OTHER, **told).unknown == {port_id}
            assert neutron.status(port_id) == "DOWN"

    def test_ports_that_nobody_has_are_named(self, neutron: Neutron) -> None:
        assert report(neutron, ready=[NOBODYS], gone=[bound(neutron)]).unknown == {NOBODYS}

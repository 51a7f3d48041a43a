# SPDX-License-Identifier: Apache-2.0
"""What programs in a guest take its ib0 for, and the leases that real clients get by it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibAddress
from ibstack_lab.guests.dhcp_clients import DhcpClient
from ibstack_lab.guests.heard_requests import HeardRequest, HeardRequests
from ibstack_lab.guests.namespaces import NAMED
from wired_guests import FULL, WiredGuests, address, carrier, output, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.guests.guest import Guest

pytestmark = pytest.mark.real

LEGACY: Final = "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:00:be:ef"


@pytest.fixture
def guest(wired: WiredGuests) -> Guest:
    made = wired.static(1, FULL)
    wait_until("it has a carrier", lambda: carrier(made))
    return made


def test_ip_shows_an_ipoib_interface_with_the_ports_guid(wired: WiredGuests, guest: Guest) -> None:
    (link,) = json.loads(output(guest, "ip", "-j", "-d", "link", "show", "dev", "ib0"))

    assert link["link_type"] == "infiniband"
    assert IpoibAddress.parse(link["address"]).guid == wired.guid(1)
    assert link["broadcast"] == "00:ff:ff:ff:ff:12:40:1b:80:01:00:00:00:00:00:00:ff:ff:ff:ff"
    assert link["linkinfo"]["info_kind"] == "ipoib"
    assert link["linkinfo"]["info_data"]["key"] == "0x8001"
    assert link["linkinfo"]["info_data"]["mode"] == "datagram"
    assert link["mtu"] == 2044


def test_ip_shows_the_counters_and_other_links_as_they_are(guest: Guest) -> None:
    shown = json.loads(output(guest, "ip", "-j", "-s", "-d", "link"))

    by_name = {link["ifname"]: link for link in shown}
    assert set(by_name) == {"lo", "ib0"}
    assert by_name["lo"]["link_type"] == "loopback"
    assert all("packets" in link["stats64"]["rx"] for link in shown)


def test_sysfs_has_the_fields_of_ipoib_beside_those_of_the_kernel(
    wired: WiredGuests, guest: Guest
) -> None:
    shown = output(
        guest, "sh", "-c", "cd /sys/class/net/ib0; ls; cat type addr_len mode pkey mtu address"
    ).split()

    assert {"umcast", "create_child", "statistics", "carrier"} <= set(shown)
    assert "tun_flags" not in shown
    assert shown[-6:-1] == ["32", "20", "datagram", "0x8001", "2044"]
    assert IpoibAddress.parse(shown[-1]).guid == wired.guid(1)


def test_pyroute2_takes_it_for_ipoib_and_cuts_its_address_as_on_hardware(guest: Guest) -> None:
    program = (
        "from pyroute2 import IPRoute; link = IPRoute().get_links()[1];"
        " print(link.get('address'), link.get(('linkinfo', 'kind')))"
    )

    address, kind = output(guest, sys.executable, "-c", program).split()

    assert output(guest, "cat", "/sys/class/net/ib0/address").startswith(f"{address}:")
    assert kind == "ipoib"


def test_a_mode_that_is_written_is_the_guests_alone(guest: Guest) -> None:
    output(guest, "sh", "-c", "echo connected >/sys/class/net/ib0/mode")

    assert output(guest, "cat", "/sys/class/net/ib0/mode") == "connected\n"
    (link,) = json.loads(output(guest, "ip", "-j", "-d", "link", "show", "dev", "ib0"))
    assert link["linkinfo"]["info_data"]["mode"] == "connected"
    assert "/ib0" not in Path("/proc/self/mounts").read_text()


@pytest.fixture
def heard(wired: WiredGuests) -> Iterator[HeardRequests]:
    """What the DHCP server's end hears from now on."""
    wired.serve_dhcp(1)
    made = HeardRequests(NAMED / wired.server_namespace, wired.server_interface)
    yield made
    made.close()


@pytest.mark.parametrize("client", [DhcpClient.NETWORKD, DhcpClient.NETWORK_MANAGER])
def test_a_client_gets_its_lease_and_asks_as_on_hardware(
    wired: WiredGuests, heard: HeardRequests, client: DhcpClient
) -> None:
    guest = wired.guest(1, FULL)

    guest.start(client=client)

    assert guest.wait_for_address() == address(1)
    # RFC 4390 section 2.1: type 32, no address, and a broadcast for an answer.
    own = b"\x20" + wired.guid(1).value.to_bytes(8)
    assert heard.first() == HeardRequest(32, 0, bytes(16), broadcast=True, client_id=own)
    ((_, hardware, leased, _, identifier),) = wired.leases()
    assert (hardware, leased) == ("20-", address(1))
    assert identifier == f"20:{wired.guid(1).as_bytes()}"
    assert "2044" in output(guest, "cat", "/sys/class/net/ib0/mtu")


def test_networkd_left_alone_asks_with_an_identifier_of_its_own(
    wired: WiredGuests, heard: HeardRequests
) -> None:
    guest = wired.guest(1, FULL)

    guest.start(client=DhcpClient.NETWORKD_ALONE)

    request = heard.first()
    assert request is not None
    assert request.is_of_ipoib
    assert request.client_id[0] == 0xFF
    assert request.client_id[5:11] == bytes.fromhex("00020000ab11")
    assert guest.address() is None


def test_network_manager_asks_with_what_it_is_told(
    wired: WiredGuests, heard: HeardRequests
) -> None:
    guest = wired.guest(1, FULL)

    guest.start(client=DhcpClient.NETWORK_MANAGER, identifier=LEGACY)

    request = heard.first()
    assert request is not None
    assert request.is_of_ipoib
    assert request.client_id.hex(":") == LEGACY
    assert guest.address() is None


@pytest.mark.parametrize("client", [DhcpClient.NETWORKD, DhcpClient.NETWORK_MANAGER])
def test_a_client_that_is_killed_and_started_again_has_the_same_address(
    wired: WiredGuests, client: DhcpClient
) -> None:
    wired.serve_dhcp(1)
    guest = wired.guest(1, FULL)
    guest.start(client=client)
    guest.wait_for_address()
    said = guest.exchange()

    killed = wired.lab.known(guest.client_name)
    killed.signal(signal.SIGKILL)
    # On a busy machine it is there for a moment still, and what runs is not started again.
    wait_until("it has ended", lambda: not killed.running())
    output(guest, "ip", "-4", "address", "flush", "dev", "ib0")
    guest.start_client()

    assert guest.wait_for_address() == address(1)
    assert address(1) in guest.exchange().removeprefix(said)


def test_a_lease_is_renewed_by_the_clients_own_command(wired: WiredGuests) -> None:
    wired.serve_dhcp(1)
    guest = wired.guest(1, FULL)
    guest.start(client=DhcpClient.NETWORKD)
    guest.wait_for_address()
    acknowledged = guest.exchange().count("DHCPv4 client: ACK")

    output(guest, "networkctl", "renew", "ib0")

    wait_until("it is renewed", lambda: guest.exchange().count("DHCPv4 client: ACK") > acknowledged)


def test_nmcli_speaks_to_the_guests_networkmanager(wired: WiredGuests) -> None:
    wired.serve_dhcp(1)
    guest = wired.guest(1, FULL)
    guest.start(client=DhcpClient.NETWORK_MANAGER)
    guest.wait_for_address()

    kind, hardware = output(
        guest, "nmcli", "-g", "GENERAL.TYPE,GENERAL.HWADDR", "-e", "no", "device", "show", "ib0"
    ).splitlines()

    assert kind == "infiniband"
    assert IpoibAddress.parse(hardware).guid == wired.guid(1)


def test_another_client_takes_over_and_has_the_same_address(wired: WiredGuests) -> None:
    wired.serve_dhcp(1)
    guest = wired.guest(1, FULL)
    guest.start(client=DhcpClient.NETWORKD)
    guest.wait_for_address()

    guest.change_client(DhcpClient.NETWORK_MANAGER)

    assert guest.client() is DhcpClient.NETWORK_MANAGER
    assert guest.wait_for_address() == address(1)


def test_networkd_is_not_told_what_to_ask_with(wired: WiredGuests) -> None:
    with pytest.raises(BadInput, match="cannot have networkd ask with client-id 20:00"):
        wired.guest(1, FULL).start(client=DhcpClient.NETWORKD, identifier="20:00")

# SPDX-License-Identifier: Apache-2.0
"""The DHCP driver of Neutron's DHCP agent, for guests that have no hardware address to show.

[DEFAULT] dhcp_driver = ibstack.neutron.agents.dhcp_driver.Dnsmasq
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from neutron.agent.linux import dhcp
from neutron_lib.utils import file as file_utils

from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import parse_client_id

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_KNOWN: Final = "*"
"""What stands in dnsmasq's lease file for a client identifier that it has not been told."""


class Dnsmasq(dhcp.Dnsmasq):
    """Neutron's own, but for its belief that a lease is of a MAC address.

    Guests on IPoIB ask without one (RFC 4390 section 2.1), so dnsmasq notes their leases by
    `client-id`.  Neutron takes these for leases of nobody, and releases them whenever a port of the
    network comes or goes; and it hands its own to a dnsmasq that it starts, by MAC address alone.
    After both dnsmasq refuses to renew what it does not know, and the guest gives up its address
    and asks anew.  Seen on Neutron 29 with dnsmasq 2.90; tests/e2e/test_guests.py pins it.
    """

    def _output_init_lease_file(self) -> str:
        path = str(super()._output_init_lease_file())
        identifiers = {address: shown for address, (_, shown) in self._shown_by_guests().items()}
        text = Path(path).read_text(encoding="utf-8")
        file_utils.replace_file(path, with_identifiers(text, identifiers))
        return path

    def _read_leases_file_leases(self, filename: str) -> dict[str, dict[str, Any]]:
        """Return the leases by address: the link address of a guest's is that of its port."""
        leases: dict[str, dict[str, Any]] = super()._read_leases_file_leases(filename)
        for address, (mac, identifier) in self._shown_by_guests().items():
            lease = leases.get(address)
            if lease and str(lease["client_id"]).lower() == identifier.lower():
                lease.update(iaid=mac, client_id=identifier)
        return leases

    def _shown_by_guests(self) -> dict[str, tuple[str, str]]:
        """Return MAC address and `client-id` of the ports that have one, by address."""
        return {
            str(allocation.ip_address): (str(port.mac_address), str(identifier))
            for port in self.network.ports
            if (identifier := self._get_client_id(port))
            for allocation in port.fixed_ips
        }


def with_identifiers(leases: str, identifiers: Mapping[str, str]) -> str:
    """Return dnsmasq's lease file *leases* with the client *identifiers*, by address.

    Those that no guest on IPoIB sends are left out, and so are leases that have one already.
    """
    return "".join(_with_identifier(line, identifiers) for line in leases.splitlines(keepends=True))


def _with_identifier(line: str, identifiers: Mapping[str, str]) -> str:
    # Expiry, hardware address, address, name, client identifier: dnsmasq's lease.c, lease_init().
    fields = line.split()
    if len(fields) != len(("expiry", "mac", "address", "name", "identifier")):
        return line
    if fields[-1] != _NOT_KNOWN or fields[2] not in identifiers:
        return line
    identifier = identifiers[fields[2]].strip().lower()
    try:
        parse_client_id(identifier)
    except BadValue:
        return line
    return " ".join([*fields[:-1], identifier]) + "\n"

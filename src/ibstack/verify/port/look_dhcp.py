# SPDX-License-Identifier: Apache-2.0
"""Looking at what Neutron's DHCP agent on this host has told dnsmasq, and what that handed out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.neutron.dhcp_requests import parse_hosts
from ibstack.verify.port.place_facts import DhcpFacts

if TYPE_CHECKING:
    from ibstack.verify.port.place_facts import Question

_LEASE_WORDS: Final = 5
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class DhcpPlace:
    """*state_path*: that of dhcp_agent.ini."""

    host: str
    state_path: Path = Path("/var/lib/neutron")


def look(place: DhcpPlace, question: Question) -> DhcpFacts:
    """Look at the network of *question* for its MAC; *served* is false where there is nothing."""
    folder = place.state_path / "dhcp" / (question.network or "")
    try:
        guests = parse_hosts((folder / "host").read_text())
    except OSError:
        return DhcpFacts(place.host, str(folder), served=False)
    leases = _leases(folder / "leases")
    mac = bytes.fromhex(question.mac.replace(":", ""))
    mine = next((guest for guest in guests if guest.mac == mac), None)
    known = {guest.client_id.hex(":") for guest in guests}
    client_id = mine.client_id.hex(":") if mine and mine.client_id else None
    return DhcpFacts(
        host=place.host,
        path=str(folder),
        served=True,
        known=mine is not None,
        client_id=client_id,
        address=mine.address if mine else None,
        lease=leases.get(client_id) if client_id else None,
        unmatched=tuple(sorted(leases.keys() - known))[:_NAMED],
    )


def _leases(path: Path) -> dict[str, str]:
    """Return the addresses handed out, by client identifier.

    dnsmasq's lease.c, lease_init(): expiry, hardware address, address, name, client identifier.
    """
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    rows = [line for line in lines if len(line) == _LEASE_WORDS]
    return {line[4].lower(): line[2] for line in rows if line[4] != "*"}

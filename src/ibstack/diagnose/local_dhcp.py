# SPDX-License-Identifier: Apache-2.0
"""What Neutron's DHCP agent on this host has told dnsmasq, and what that has handed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.diagnose.host_facts import DhcpFacts
from ibstack.fabric.errors import TryLater
from ibstack.neutron.agents.dhcp_requests import parse_hosts

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.diagnose.host_facts import Question

_LEASE_WORDS: Final = 5
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class DhcpSource:
    """*state_path*: that of dhcp_agent.ini."""

    host: str
    state_path: Path


def read(source: DhcpSource, question: Question) -> DhcpFacts:
    """Read what there is of the MAC in the network of *question*; *served*: is there anything?

    TryLater where what is there may not be read, or the agent keeps nothing at all there.
    """
    folder = source.state_path / "dhcp" / (question.network or "")
    hosts = _text(folder / "host")
    if hosts is None and not folder.parent.exists():
        raise TryLater(
            f"cannot look at what dnsmasq was told: there is no folder {folder.parent}; where"
            " neutron-dhcp-agent has another state_path, as in a container, run this on its host"
            " with --state-path"
        )
    if hosts is None:
        return DhcpFacts(source.host, str(folder), served=False)
    guests, leases = parse_hosts(hosts), _leases(_text(folder / "leases") or "")
    mac = bytes.fromhex(question.mac.replace(":", ""))
    mine = next((guest for guest in guests if guest.mac == mac), None)
    known = {guest.client_id.hex(":") for guest in guests}
    client_id = mine.client_id.hex(":") if mine and mine.client_id else None
    return DhcpFacts(
        host=source.host,
        path=str(folder),
        served=True,
        known=mine is not None,
        client_id=client_id,
        address=mine.address if mine else None,
        lease=leases.get(client_id) if client_id else None,
        unmatched=tuple(sorted(leases.keys() - known))[:_NAMED],
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TryLater(
            f"cannot look at what dnsmasq was told: {path}: {error.strerror}; run this as root"
        ) from error


def _leases(text: str) -> dict[str, str]:
    """Return the addresses handed out, by client identifier.

    dnsmasq's lease.c, lease_init(): expiry, hardware address, address, name, client identifier.
    """
    lines = [line.split() for line in text.splitlines()]
    rows = [line for line in lines if len(line) == _LEASE_WORDS]
    return {line[4].lower(): line[2] for line in rows if line[4] != "*"}

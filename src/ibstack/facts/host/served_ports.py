# SPDX-License-Identifier: Apache-2.0
"""Which ports of which adapters are ibstack's: by what eswitchd says that it serves.

Where it does not say, every InfiniBand port of an adapter that is no VF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.facts.host.adapter_facts import shown_adapters
from ibstack.facts.host.ibstat import adapters
from ibstack.formats.pci_ids import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.host.ibstat import IbstatAdapter, IbstatPort

ETHERNET: Final = "Ethernet"
# ibstat shows a function that the host itself uses as any adapter: its type is the device id in
# decimal.
_VF_TYPES: Final = frozenset(f"MT{device}" for device, kind in KINDS.items() if kind.virtual)


@dataclass(frozen=True, slots=True)
class ServedPorts:
    """The ports of one adapter that may serve; one of them is enough."""

    device: str
    ports: tuple[IbstatPort, ...]
    """Empty: ibstat does not show them."""


def served_ports(host: Evidence, ibstat: str) -> Iterator[ServedPorts]:
    """Yield each adapter that is looked at, of what *ibstat* prints."""
    shown = {each.name: each for each in adapters(ibstat)}
    served = dict.fromkeys(_served(host))
    for device, guid in served:
        ports = shown[device].ports if device in shown else []
        # Of a card with two ports the other one may be anything.
        exact = [port for port in ports if guid and port.keys.get("Port GUID") == guid]
        yield ServedPorts(device, tuple(exact or ports))
    for adapter in () if served else shown.values():
        ports = [p for p in adapter.ports if p.keys.get("Link layer") != ETHERNET]
        if ports and not _is_vf(adapter):
            yield ServedPorts(adapter.name, tuple(ports))


def _served(host: Evidence) -> Iterator[tuple[str, str | None]]:
    """Yield (device, port GUID) of each adapter in `ibstack host show -f json`."""
    for row in shown_adapters(host):
        if row.get("device"):
            yield str(row["device"]), row.get("port_guid") and str(row["port_guid"])


def _is_vf(adapter: IbstatAdapter) -> bool:
    return adapter.keys.get("CA type") in _VF_TYPES

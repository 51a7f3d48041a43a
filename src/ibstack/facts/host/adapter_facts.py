# SPDX-License-Identifier: Apache-2.0
"""What is known of each adapter of a host, by its PCI function; and which of them serve guests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.facts.evidence import DHCP_AGENT_INI, ESWITCHD_CONF, HOST_SHOW, Missing
from ibstack.facts.host.interfaces import bus_info, ethtool_name, mapped
from ibstack.facts.host.pci_devices import bridges, physical
from ibstack.formats.adapter_match import AdapterFacts
from ibstack.formats.pci_ids import ETHERNET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.host.pci_devices import Function

_NOVA: Final = "etc/nova/*"


def adapter_facts(host: Evidence) -> dict[str, AdapterFacts]:
    """Return what is known of each physical function, by its PCI address."""
    functions = physical(host)
    places = interface_places(host, functions)
    devices: dict[str, str | None] = {
        str(row["device"]): places.get(str(row.get("interface")))
        for row in shown_adapters(host)
        if row.get("device")
    }
    above = bridges(host)
    return {
        each.pci: AdapterFacts(
            pci=each.pci,
            drivers=frozenset({f"{each.driver}_core"}) if each.driver else None,
            device=each.device,
            class_code=each.class_code,
            interfaces=_of(places, each.pci),
            others=frozenset(places) - _of(places, each.pci),
            devices=_of(devices, each.pci),
            other_devices=frozenset(
                name for name, at in devices.items() if at not in (None, each.pci)
            ),
            bridges=above,
        )
        for each in functions
    }


def interface_places(host: Evidence, functions: Iterable[Function]) -> dict[str, str]:
    """Return the PCI address of each network interface of which it is known."""
    prefix = ethtool_name("")
    names = [name.removeprefix(prefix) for name in host.matching(f"{prefix}*")]
    said = {name: bus_info(host, name) for name in names}
    found = {name: place for name, place in said.items() if place}
    # What is mapped is IPoIB: of a host with one such adapter it is that one's.
    fit = [each.pci for each in functions if each.class_code != ETHERNET]
    known = mapped(host)
    if len(fit) == 1 and not isinstance(known, Missing):
        for mapping in known.mappings:
            if isinstance(host.text(ethtool_name(mapping.interface)), Missing):
                found.setdefault(mapping.interface, fit[0])
    return found


def shown_adapters(host: Evidence) -> list[dict[str, Any]]:
    """Return the rows of `ibstack host show -f json`; none where it has none to show."""
    text = host.text(HOST_SHOW)
    try:
        rows = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []  # A complaint: another check tells of it.
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def serves_guests(host: Evidence) -> bool:
    """Tell whether ibstack-eswitchd is configured there, and not for the DHCP agent alone."""
    if not host.has(ESWITCHD_CONF):
        return False
    return not host.has(DHCP_AGENT_INI) or bool(host.matching(_NOVA))


def serves_as(host: Evidence, function: Function) -> bool | None:
    """Tell whether guests are to be given VFs of an adapter; None: it may be this or another."""
    if not serves_guests(host) or function.class_code == ETHERNET:
        return False
    known = mapped(host)
    if isinstance(known, Missing):
        return None
    places = interface_places(host, physical(host))
    at = {places.get(mapping.interface) for mapping in known.mappings}
    if function.pci in at:
        return True
    return None if None in at or known.faults else False


def _of(places: dict[str, str] | dict[str, str | None], pci: str) -> frozenset[str]:
    return frozenset(name for name, place in places.items() if place == pci)

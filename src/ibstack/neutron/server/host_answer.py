# SPDX-License-Identifier: Apache-2.0
"""What a host should have: the answer of `host_ports` in docs/reference/protocols.md.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.neutron.server.desired import etag_of, pci_address, table_entry, vf_guid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.fabric.partition import KeyRange
    from ibstack.neutron.server.desired import Answer, BoundPort, HostRows


def host_answer(rows: HostRows, owned: KeyRange, etag: str | None) -> Answer:
    """Answer `host_ports` from the bindings to a host, without those that are twins."""
    told = _answers((port for port in rows.ports if port.port_id not in rows.twins), owned)
    between = _answers(rows.rebinding, owned)
    current = etag_of([told, between] if between else told)
    if current == etag:
        return {"etag": current, "ports": None}
    return {"etag": current, "ports": told, **({"rebinding": between} if between else {})}


def _answers(ports: Iterable[BoundPort], owned: KeyRange) -> list[Answer]:
    found = (_port(port, owned) for port in ports)
    return sorted((port for port in found if port is not None), key=lambda port: str(port["id"]))


def _port(row: BoundPort, owned: KeyRange) -> Answer | None:
    try:
        entry = table_entry(row.network_type, row.segmentation_id, owned)
        guid = vf_guid(row.mac)
        pci = pci_address(row.profile)
    except ValueError:
        return None  # fabric_answer() says why.
    return {
        "id": row.port_id,
        "network_id": row.network_id,
        "mac": row.mac,
        "guid": guid,
        "pci": None if pci is None else str(pci),
        "physical_network": row.physical_network,
        "entry": str(entry),
        "admin_state_up": row.admin_state_up,
        "status": row.status,
        "binding": row.binding,
        "revision": row.revision,
        **({"device_id": row.device_id} if row.device_id else {}),
    }

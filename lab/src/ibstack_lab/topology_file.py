# SPDX-License-Identifier: Apache-2.0
"""A topology as JSON, so that the lab's own processes find the one they were started with."""

from __future__ import annotations

import json

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack_lab.topology import Host, Topology


def dump(topology: Topology) -> str:
    return json.dumps([_dump_host(host) for host in topology.hosts], indent=1) + "\n"


def load(text: str) -> Topology:
    """Read what dump() wrote."""
    return Topology(tuple(_load_host(fields) for fields in json.loads(text)))


def _dump_host(host: Host) -> dict[str, object]:
    return {
        "name": host.name,
        "node_guid": str(host.node_guid),
        "kind": host.kind.value if host.kind else None,
        "vfs": host.vfs,
        "subnet_manager_priority": host.subnet_manager_priority,
        "serves_dhcp": host.serves_dhcp,
    }


def _load_host(fields: dict[str, object]) -> Host:
    kind, priority = fields["kind"], fields["subnet_manager_priority"]
    return Host(
        name=str(fields["name"]),
        node_guid=Guid.parse(str(fields["node_guid"])),
        kind=AdapterKind(kind) if kind else None,
        vfs=int(str(fields["vfs"])),
        subnet_manager_priority=int(str(priority)) if priority is not None else None,
        serves_dhcp=bool(fields["serves_dhcp"]),
    )

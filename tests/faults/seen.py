# SPDX-License-Identifier: Apache-2.0
"""What is true in the lab's cloud, read from where it is: wires, sysfs, the database, files.

Not from ibstack's daemons or commands, which are what is judged.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pymysql

from faults.model import Place
from faults.wires import WirePort, Wires
from ibstack.fabric.adapter import AdapterKind
from ibstack_lab.hosts.hardware import Hardware

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.topology import Host

_PORTS: Final = """
SELECT p.mac_address, p.status, p.admin_state_up, b.host, b.profile, b.vif_type,
       s.segmentation_id, GROUP_CONCAT(k.entity), p.device_owner
FROM ports p
JOIN ml2_port_bindings b ON b.port_id = p.id
JOIN networksegments s ON s.network_id = p.network_id
LEFT JOIN provisioningblocks k ON k.standard_attr_id = p.standard_attr_id
WHERE s.segmentation_id IN ({keys})
GROUP BY p.id, b.host
"""
DHCP_OWNER: Final = "network:dhcp"
"""Neutron's device_owner of the port that serves DHCP in a network."""
_DATABASE_ANSWERS_WITHIN_S: Final = 5
_STATEMENT: Final = re.compile(r"=\s*(0x[0-9a-fA-F]+)[^:]*:\s*(.*)$", re.S)
_MEMBER: Final = re.compile(r"(0x[0-9a-fA-F]{16})\s*=\s*(full|limited|both)")


@dataclass(frozen=True)
class NeutronRow:
    """A port as the database has it."""

    mac: str
    status: str
    up: bool
    host: str
    pci: str | None
    vif_type: str
    key: int
    waits_for: str
    """The entities of its provisioning blocks that are left."""
    owner: str = "compute:nova"


@dataclass(frozen=True)
class SeenVf:
    """A VF as the host's sysfs has it."""

    guid: int
    node_guid: int
    """mlx4, which has none for a VF: the same."""
    entry: int | None
    """mlx4: what virtual index 0 leads to, 16 bits; None: nowhere.  mlx5: None."""
    policy: str
    """mlx5: Down, Up, Follow; mlx4: empty."""


@dataclass(frozen=True)
class Seen:
    """One look at everything."""

    wires: Mapping[str, WirePort]
    """By ibsim's name of the node: a host's, or that of an mlx5 VF's own."""
    masters: frozenset[str]
    vfs: Mapping[Place, SeenVf]
    attached: Mapping[Place, str]
    """The MAC of each attachment on disk."""
    neutron: tuple[NeutronRow, ...]
    """Of tenants."""
    dhcp: tuple[NeutronRow, ...]
    """Neutron's own."""
    other_keys: frozenset[int]
    """Keys of networks that are not the walk's."""
    files: Mapping[str, Mapping[int, frozenset[int]]]
    """By SM host: the full members, GUIDs, of each key in its partitions file."""
    digests: Mapping[str, str]


class Eyes:
    """Looks at one cloud."""

    def __init__(self, cloud: Cloud, keys: tuple[int, ...], vfs: int) -> None:
        """*keys*: of the walk's networks; *vfs*: how many of each host's are looked at."""
        self._cloud = cloud
        self._keys = keys
        self._vfs = vfs
        self.wires = Wires(cloud.fabric)

    def look(self) -> Seen:
        hosts = self._cloud.topology.compute_hosts
        managers = [host.name for host in self._cloud.topology.subnet_manager_hosts]
        neutron, others = self._ask_database()
        files = {name: self._file(name).read_text("ascii") for name in managers}
        return Seen(
            wires=self.wires.ports(self._nodes()),
            masters=frozenset(name for name in managers if self.wires.is_master(name)),
            vfs={
                Place(host.name, n): _vf(self._hardware(host), n)
                for host in hosts
                for n in range(self._vfs)
            },
            attached={place: mac for host in hosts for place, mac in self._attached(host)},
            neutron=tuple(row for row in neutron if row.owner != DHCP_OWNER),
            dhcp=tuple(row for row in neutron if row.owner == DHCP_OWNER),
            other_keys=others,
            files={name: members_in(text) for name, text in files.items()},
            digests={n: hashlib.sha256(t.encode()).hexdigest() for n, t in files.items()},
        )

    def has_attached(self, place: Place, mac: str) -> bool:
        host = self._cloud.topology.host(place.host)
        return (place, mac) in self._attached(host)

    def is_in_neutron(self, mac: str) -> bool:
        rows, _ = self._ask_database()
        return any(row.mac == mac for row in rows)

    def is_active(self, mac: str) -> bool:
        rows, _ = self._ask_database()
        return any(row.mac == mac and row.status == "ACTIVE" for row in rows)

    def _nodes(self) -> Iterator[str]:
        for host in self._cloud.topology.hosts:
            yield host.name
            if host.kind is AdapterKind.MLX5:
                yield from (host.vf_node(number) for number in range(host.vfs))

    def _file(self, host: str) -> Path:
        return self._cloud.fabric.partitions_conf(host)

    def _hardware(self, host: Host) -> Hardware:
        return Hardware(host, self._cloud.lab.host(host.name) / "sys")

    def _attached(self, host: Host) -> list[tuple[Place, str]]:
        folder = self._cloud.lab.host(host.name) / "state" / "attachments"
        found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
        numbers = {str(host.vf_pci(n)): n for n in range(self._vfs)}
        return [
            (Place(host.name, numbers[each["pci"]]), each["mac"])
            for each in found
            if each["pci"] in numbers
        ]

    def _ask_database(self) -> tuple[tuple[NeutronRow, ...], frozenset[int]]:
        socket = str(self._cloud.services().database.socket)
        wanted = ", ".join(map(str, self._keys))
        with (
            closing(
                pymysql.connect(
                    unix_socket=socket,
                    user="root",
                    database="neutron",
                    read_timeout=_DATABASE_ANSWERS_WITHIN_S,
                )
            ) as line,
            line.cursor() as cursor,
        ):
            cursor.execute(_PORTS.format(keys=wanted))
            rows = cursor.fetchall()
            cursor.execute(
                "SELECT segmentation_id FROM networksegments"
                f" WHERE network_type = 'vlan' AND segmentation_id NOT IN ({wanted})"
            )
            others = frozenset(row[0] for row in cursor.fetchall())
        return tuple(_row(row) for row in rows), others


def _row(row: tuple[Any, ...]) -> NeutronRow:
    mac, status, up, host, profile, vif_type, key, waits_for, owner = row
    pci = json.loads(str(profile) or "{}").get("pci_slot") if profile else None
    return NeutronRow(
        str(mac),
        str(status),
        bool(up),
        str(host),
        pci,
        str(vif_type),
        int(str(key)),
        str(waits_for or ""),
        str(owner),
    )


def _vf(hardware: Hardware, number: int) -> SeenVf:
    if hardware.kind is AdapterKind.MLX4:
        guid = int((hardware.iov_port_folder / f"admin_guids/{number + 1}").read_text() or "0", 16)
        index = (hardware.slave_folder(number) / "ports/1/pkey_idx/0").read_text().strip()
        entry = None
        if index.isdigit():
            entry = int((hardware.iov_port_folder / f"pkeys/{index}").read_text(), 16)
        return SeenVf(guid, guid, entry, "")
    folder = hardware.sriov_folder(number)
    guid, node = (
        int((folder / name).read_text().replace(":", "") or "0", 16) for name in ("port", "node")
    )
    return SeenVf(guid, node, None, (folder / "policy").read_text().strip())


def members_in(text: str) -> dict[int, frozenset[int]]:
    """Return the full members of each key in a partitions file, GUIDs that are spelt out only."""
    found: dict[int, frozenset[int]] = {}
    lines = (line.partition("#")[0] for line in text.splitlines())
    for statement in "\n".join(lines).split(";"):
        matched = _STATEMENT.search(statement)
        if matched:
            key = int(matched[1], 16) & 0x7FFF
            named = {int(g, 16) for g, kind in _MEMBER.findall(matched[2]) if kind == "full"}
            found[key] = found.get(key, frozenset()) | named
    return found

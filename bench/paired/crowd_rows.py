# SPDX-License-Identifier: Apache-2.0
"""A project with many networks, written into Neutron's tables: to make them one by one takes long.

Each network has one VF on one of some hosts, and a DHCP port on a host that serves them all, whose
table has no room for most.  They are ACTIVE, and on the fabric as soon as fabricd has asked.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.topology import PHYSICAL_NETWORK, Host

if TYPE_CHECKING:
    from pymysql import Connection

_PROJECT: Final = "c" * 32
_NETWORKS_OF_A_HOST: Final = 50
"""Of the 64 entries that a table of ibsim's has."""
_FIRST_GUID: Final = 0x0002C90300001000
DHCP_HOST: Final = Host("netnode", Guid(0x0002C90300000F00))
VFS: Final = "0000:05:00.1-0000:05:0f.7"


def hosts_for(networks: int) -> tuple[Host, ...]:
    """Return hosts with room for so many networks; none of them runs anything in the lab."""
    count = -(-networks // _NETWORKS_OF_A_HOST)
    return tuple(Host(f"crowd{n:03}", Guid(_FIRST_GUID + 16 * n)) for n in range(count))


class CrowdRows:
    """Writes into the tables of Neutron 26 to 29 what Neutron itself would."""

    def __init__(self, connection: Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    def fill(self, networks: int) -> None:
        """Add so many networks, with keys from 1 on, and the hosts of their ports."""
        hosts = hosts_for(networks)
        for host in (*hosts, DHCP_HOST) if hosts else ():
            self.agent(host)
        for number in range(networks):
            network, segment = self._network(number + 1)
            host = hosts[number % len(hosts)]
            self._vf(number, network, segment, host, number // len(hosts))
            self._dhcp_port(networks + number, network, segment)
        self._connection.commit()

    def agent(self, host: Host) -> None:
        """Add an agent that reports a ConnectX-3, whose VFs share the table of its port."""
        adapter = {
            "physical_network": PHYSICAL_NETWORK,
            "interface": "ib0",
            "kind": "mlx4",
            "port_guid": str(host.port_guid),
            "vfs": VFS,
        }
        self._add(
            "agents",
            id=str(uuid.uuid4()),
            agent_type="Mellanox plugin agent",
            binary="ibstack-agent",
            topic="N/A",
            host=host.name,
            admin_state_up=1,
            created_at=self._now,
            started_at=self._now,
            heartbeat_timestamp=self._now,
            configurations=json.dumps({"adapters": [adapter]}),
            load=0,
        )

    def _network(self, key: int) -> tuple[str, str]:
        network, segment = str(uuid.uuid4()), str(uuid.uuid4())
        self._add(
            "networks",
            id=network,
            name=f"crowd{key}",
            project_id=_PROJECT,
            status="ACTIVE",
            admin_state_up=1,
            mtu=2044,
            standard_attr_id=self._attributes("networks"),
        )
        self._add(
            "networksegments",
            id=segment,
            network_id=network,
            network_type="vlan",
            physical_network=PHYSICAL_NETWORK,
            segmentation_id=key,
            is_dynamic=0,
            segment_index=0,
            standard_attr_id=self._attributes("segments"),
        )
        with self._connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ml2_vlan_allocations SET allocated = 1"
                " WHERE physical_network = %s AND vlan_id = %s",
                (PHYSICAL_NETWORK, key),
            )
        return network, segment

    def _vf(self, number: int, network: str, segment: str, host: Host, vf: int) -> None:
        port = self._port(number, network, "compute:nova")
        binding = {"vif_type": "ib_hostdev", "vnic_type": "direct"}
        self._bind(port, segment, host, profile=json.dumps(nova_profile(host, vf)), **binding)

    def _dhcp_port(self, number: int, network: str, segment: str) -> None:
        port = self._port(number, network, "network:dhcp")
        self._bind(port, segment, DHCP_HOST, profile="", vif_type="other", vnic_type="normal")

    def _port(self, number: int, network: str, owner: str) -> str:
        port = str(uuid.uuid4())
        self._add(
            "ports",
            id=port,
            name="",
            project_id=_PROJECT,
            network_id=network,
            mac_address="fa:16:" + number.to_bytes(4, "big").hex(":"),
            admin_state_up=1,
            status="ACTIVE",
            device_id=str(uuid.uuid4()),
            device_owner=owner,
            standard_attr_id=self._attributes("ports"),
        )
        return port

    def _bind(self, port: str, segment: str, host: Host, **values: str) -> None:
        self._add(
            "ml2_port_bindings",
            port_id=port,
            host=host.name,
            vif_details="",
            status="ACTIVE",
            **values,
        )
        self._add(
            "ml2_port_binding_levels",
            port_id=port,
            host=host.name,
            level=0,
            driver="infiniband",
            segment_id=segment,
        )

    def _attributes(self, kind: str) -> int:
        return self._add(
            "standardattributes",
            resource_type=kind,
            revision_number=2,
            created_at=self._now,
            updated_at=self._now,
        )

    def _add(self, table: str, **values: object) -> int:
        names = ", ".join(f"`{name}`" for name in values)
        places = ", ".join(["%s"] * len(values))
        with self._connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", [*values.values()])
            return int(cursor.lastrowid or 0)

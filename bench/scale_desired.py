# SPDX-License-Identifier: Apache-2.0
"""What Neutron answers for 10,000 and 100,000 ports: `python -m bench.scale_desired [PORTS …]`.

A real MariaDB with Neutron's own tables, which hold as many ordinary ports again.  Each host has
ten ports on the fabric.  The methods of the RPC endpoint are called, without the broker between.
Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
import warnings
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

_ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]
with warnings.catch_warnings():
    # Neutron's own imports and models warn, as tests/neutron/with_neutron/conftest.py says.
    warnings.simplefilter("ignore")
    from neutron.db.models.agent import Agent
    from neutron.db.models.segment import NetworkSegment
    from neutron.db.models_v2 import Network, Port
    from neutron.plugins.ml2.models import PortBinding, PortBindingLevel
    from neutron.plugins.ml2.plugin import Ml2Plugin  # noqa: F401  # Brings all of its tables.
    from neutron.services.revisions.revision_plugin import RevisionPlugin
    from neutron_lib import context as neutron_context
    from neutron_lib.db.standard_attr import StandardAttribute
    from neutron_lib.plugins import directory
    from oslo_config import cfg

    from bench.growth import power_of
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.neutron_names import MELLANOX_AGENT
    from ibstack.neutron.protocol.conventions import VIF_TYPE
    from ibstack.neutron.server.options import Settings
    from ibstack.neutron.server.rpc import PluginEndpoint
    from ibstack_lab.binding_profile import nova_profile
    from ibstack_lab.topology import Host
    from one_database import OneDatabase

if TYPE_CHECKING:
    from collections.abc import Callable

_FABRIC: Final = "ibhostnet"
_PORTS: Final = (10_000, 100_000)
_ROUNDS: Final = 5
_OF_A_HOST: Final = 10
_OF_A_NETWORK: Final = 100
_AT_ONCE: Final = 5000
_FIRST_NODE_GUID: Final = 0x0002C90300000000
# What design asks of 10,000 ports, in ms.
_LIMITS: Final = {"ten of a host": 10, "the whole fabric": 150, "nothing new of it": 5}


def main(counts: list[int]) -> None:
    """Measure each size in a database of its own, and print what was found."""
    cfg.CONF([], default_config_files=[])
    directory.add_plugin("revision_plugin", RevisionPlugin())
    found = {count: _measure(count) for count in counts}
    rows = [
        {
            "what": f"desired of {count:,} ports: {what}",
            "unit": "ms",
            "limit": _LIMITS.get(what) if count == _PORTS[0] else None,
            "ibstack": {"median": median(took), "worst": max(took), "n": len(took)},
        }
        for count, measured in found.items()
        for what, took in measured.items()
    ]
    growth = {
        what: power_of([(count, median(measured[what])) for count, measured in found.items()])
        for what in found[counts[0]]
        if len(found) > 1
    }
    print(json.dumps({"rows": rows, "power_of_ports": growth}))


def _measure(count: int) -> dict[str, list[float]]:
    """Return what each answer took, in ms."""
    with tempfile.TemporaryDirectory(prefix="ibs") as folder, OneDatabase(Path(folder)) as database:
        fixture = database.for_neutron()
        fixture.setUp()
        try:
            _enlarge(database.engine)
            host = _fill(database.engine, count)
            rpc = PluginEndpoint(Settings())
            etag = rpc.fabric_members(_context(), _FABRIC)["etag"]
            of_host = rpc.host_ports(_context(), host)
            if len(of_host["ports"]) != _OF_A_HOST:
                raise SystemExit(f"cannot measure: {host} has {len(of_host['ports'])} ports")
            return {
                "ten of a host": _times(lambda: rpc.host_ports(_context(), host)),
                "nothing new of a host": _times(
                    lambda: rpc.host_ports(_context(), host, etag=of_host["etag"])
                ),
                "the whole fabric": _times(lambda: rpc.fabric_members(_context(), _FABRIC)),
                "nothing new of it": _times(
                    lambda: rpc.fabric_members(_context(), _FABRIC, etag=etag)
                ),
            }
        finally:
            fixture.cleanUp()


def _enlarge(engine: Any) -> None:
    """Give the server what one of a cloud of this size has; the lab's makes do with 64 MiB."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET GLOBAL innodb_buffer_pool_size = {2**30}")


def _times(ask: Callable[[], object]) -> list[float]:
    took = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        ask()
        took.append(round((time.perf_counter() - began) * 1000, 2))
    return took


def _context() -> Any:
    return neutron_context.get_admin_context()


def _fill(engine: Any, count: int) -> str:
    """Put *count* ports of a fabric and as many others into the tables; return one of the hosts."""
    cloud = _Rows()
    for first in range(0, count, _OF_A_NETWORK):
        numbers = range(first, first + _OF_A_NETWORK)
        cloud.network(numbers, on_fabric=True)
        cloud.network(numbers, on_fabric=False)
    for number in range(count // _OF_A_HOST):
        cloud.agent(number)
    with engine.begin() as connection:
        for model, values in cloud.rows.items():
            for start in range(0, len(values), _AT_ONCE):
                connection.execute(model.__table__.insert(), values[start : start + _AT_ONCE])
    return _host(0)


class _Rows:
    """The rows of a cloud, by Neutron's model, in an order that its foreign keys allow."""

    def __init__(self) -> None:
        models = (StandardAttribute, Network, NetworkSegment, Port, PortBinding, PortBindingLevel)
        self.rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in (*models, Agent)}

    def network(self, ports: range, *, on_fabric: bool) -> None:
        network, segment = str(uuid.uuid4()), str(uuid.uuid4())
        self._add(Network, "networks", id=network, admin_state_up=True)
        self._add(
            NetworkSegment,
            "segments",
            id=segment,
            network_id=network,
            network_type="vlan",
            physical_network=_FABRIC if on_fabric else "ethernet",
            segmentation_id=1 + ports.start // _OF_A_NETWORK,
        )
        for number in ports:
            self._port(number, network, segment, on_fabric=on_fabric)

    def _port(self, number: int, network: str, segment: str, *, on_fabric: bool) -> None:
        port, where = str(uuid.uuid4()), {"host": _host(number // _OF_A_HOST)}
        octets = (number if on_fabric else number + 2**32).to_bytes(5, "big")
        self._add(
            Port,
            "ports",
            id=port,
            network_id=network,
            mac_address="fa:" + octets.hex(":"),
            admin_state_up=True,
            status="ACTIVE",
            device_id="",
            device_owner="compute:nova",
        )
        binding = {
            "vnic_type": "direct" if on_fabric else "normal",
            "profile": json.dumps(_profile(number)) if on_fabric else "",
            "vif_type": VIF_TYPE if on_fabric else "ovs",
            "vif_details": "",
            "status": "ACTIVE",
        }
        self.rows[PortBinding].append({"port_id": port, **where, **binding})
        self.rows[PortBindingLevel].append(
            {"port_id": port, **where, "level": 0, "segment_id": segment}
        )

    def agent(self, number: int) -> None:
        adapter = {
            "physical_network": _FABRIC,
            "interface": "ib0",
            "kind": "mlx5",
            "port_guid": str(Host(_host(number), Guid(_FIRST_NODE_GUID + 16 * number)).port_guid),
            "vfs": "0000:05:00.1-0000:05:02.0",
        }
        now = datetime.now(UTC).replace(tzinfo=None)
        self.rows[Agent].append(
            {
                "id": str(uuid.uuid4()),
                "agent_type": MELLANOX_AGENT,
                "binary": "ibstack-agent",
                "topic": "N/A",
                "host": _host(number),
                "admin_state_up": True,
                "created_at": now,
                "started_at": now,
                "heartbeat_timestamp": now,
                "configurations": json.dumps({"adapters": [adapter]}),
                "load": 0,
            }
        )

    def _add(self, model: Any, resource: str, **values: Any) -> None:
        """Add what has attributes in a table of their own."""
        number = len(self.rows[StandardAttribute]) + 1
        self.rows[StandardAttribute].append(
            {"id": number, "resource_type": resource, "revision_number": 2}
        )
        self.rows[model].append({"standard_attr_id": number, **values})


def _host(number: int) -> str:
    return f"node{number:05}"


def _profile(number: int) -> dict[str, str | int]:
    """Return what nova says of the VF of port *number*: of no two the same."""
    place, vf = divmod(number, _OF_A_HOST)
    return nova_profile(Host(_host(place), Guid(_FIRST_NODE_GUID + 16 * place)), vf)


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(_PORTS))

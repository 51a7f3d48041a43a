# SPDX-License-Identifier: Apache-2.0
"""Neutron's database, read and never written: the bound ports.

The tables are the same in all releases that networking-mlnx 21.0.0 and ibstack run with.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.formats.codec import object_of
from ibstack.upgrade.known_cloud import KnownCloud, KnownPort, OtherPorts

_PORTS: Final = sa.text(
    "SELECT p.id, p.mac_address, p.status, b.host, b.profile,"
    " s.network_type, s.physical_network, s.segmentation_id"
    " FROM ports p JOIN ml2_port_bindings b ON b.port_id = p.id"
    " LEFT JOIN ml2_port_binding_levels l ON l.port_id = b.port_id AND l.host = b.host"
    " LEFT JOIN networksegments s ON s.id = l.segment_id"
    " WHERE b.vif_type = 'ib_hostdev' AND b.status = 'ACTIVE' ORDER BY b.host, p.id"
)
# Of the segment that holds the port, so that what is not on InfiniBand can be left out.
_OTHERS: Final = sa.text(
    "SELECT b.vnic_type, b.vif_type, p.device_owner,"
    " s.network_type, s.physical_network, s.segmentation_id, count(*)"
    " FROM ports p JOIN ml2_port_bindings b ON b.port_id = p.id"
    " JOIN ml2_port_binding_levels l ON l.port_id = b.port_id AND l.host = b.host"
    " JOIN networksegments s ON s.id = l.segment_id"
    " WHERE b.vif_type NOT IN ('ib_hostdev', 'unbound', 'binding_failed')"
    " AND b.status = 'ACTIVE'"
    " GROUP BY b.vnic_type, b.vif_type, p.device_owner,"
    " s.network_type, s.physical_network, s.segmentation_id"
)
# The name that both projects' agents have in Neutron.
_AGENTS: Final = sa.text(
    "SELECT a.host, a.binary FROM agents a WHERE a.agent_type = 'Mellanox plugin agent'"
)
_JOURNAL: Final = "mlnx_sdn_journal"
_UNFINISHED: Final = sa.text("SELECT count(*) FROM mlnx_sdn_journal WHERE state <> 'completed'")
_CONNECT_TIMEOUT_S: Final = 10


def shown(url: str) -> str:
    """Return *url* without its password; BadInput where it is none, which is not repeated."""
    return _parse(url).render_as_string(hide_password=True)


def read(url: str) -> KnownCloud:
    """Read it all; BadInput for a URL that is none, TryLater where the database does not answer."""
    parsed = _parse(url)
    try:
        arguments = {"connect_timeout": _CONNECT_TIMEOUT_S} if "mysql" in parsed.drivername else {}
        engine = sa.create_engine(parsed, poolclass=sa.NullPool, connect_args=arguments)
        with engine.connect() as connection:
            ports = [_port(row) for row in connection.execute(_PORTS)]
            others = [OtherPorts(*row) for row in connection.execute(_OTHERS)]
            agents = {row[0]: row[1] for row in connection.execute(_AGENTS)}
            has_journal = sa.inspect(connection).has_table(_JOURNAL)
            journal = connection.execute(_UNFINISHED).scalar() if has_journal else None
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise BadInput(
            f"cannot read Neutron's database: there is no driver for {parsed.drivername!r} here;"
            " run this with Neutron's own Python"
        ) from error
    except SQLAlchemyError as error:
        raise TryLater(
            f"cannot read Neutron's database at {shown(url)}: {_driver_message(error)}"
        ) from error
    return KnownCloud(ports, agents, journal, others)


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (ArgumentError, ValueError):
        # What SQLAlchemy says of it may quote the whole, password included.
        raise BadInput(
            "cannot read Neutron's database: its connection is no URL such as"
            " mysql+pymysql://USER:PASSWORD@HOST/neutron"
        ) from None


def _port(row: Any) -> KnownPort:
    return KnownPort(
        id=row[0],
        mac=str(row[1]).lower(),
        status=row[2],
        host=row[3],
        pci_slot=_pci_slot(row[4]),
        network_type=row[5],
        physical_network=row[6],
        segmentation_id=row[7],
    )


def _pci_slot(profile: str | None) -> str | None:
    slot = object_of(profile or "").get("pci_slot")
    return slot if isinstance(slot, str) else None


def _driver_message(error: SQLAlchemyError) -> str:
    """Return what the driver said; never the statement or the parameters."""
    origin = getattr(error, "orig", None)
    return str(origin or type(error).__name__)[:300]

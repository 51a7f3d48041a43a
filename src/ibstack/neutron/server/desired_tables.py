# SPDX-License-Identifier: Apache-2.0
"""Reading from Neutron's tables all that what is desired is made of: rows of `desired.py`.

Columns and not objects, on purpose: Neutron's objects take a query for each port (464 ms instead of
3 ms for the ten ports of a host, measured on Neutron 29 with SQLite).  And columns of the tables
and not of the models: by way of SQLAlchemy's models each row takes twice the time.  The tables are
the same on Neutron 26 to 29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from neutron.db.models import agent, provisioning_block, segment
from neutron.db.models_v2 import Port
from neutron.plugins.ml2.models import PortBinding, PortBindingLevel
from neutron_lib.api.definitions import portbindings
from neutron_lib.db import api as db_api
from neutron_lib.db import standard_attr
from oslo_utils import timeutils

from ibstack.fabric.neutron_names import IB_FABRIC, MELLANOX_AGENT
from ibstack.fabric.segment import FLAT
from ibstack.neutron.protocol import agent_report
from ibstack.neutron.protocol.conventions import OWN_DEVICE_OWNERS, OWN_VIF_TYPE, VIF_TYPE
from ibstack.neutron.server.desired import (
    ACTIVE,
    AgentPort,
    BoundPort,
    FabricRows,
    HostRows,
    MemberPort,
    duplicate_macs,
    is_rebinding,
    sharing_a_mac,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


_agents = agent.Agent.__table__
_attributes = standard_attr.StandardAttribute.__table__
_bindings = PortBinding.__table__
_blocks = provisioning_block.ProvisioningBlock.__table__
_levels = PortBindingLevel.__table__
_ports = Port.__table__
_segments = segment.NetworkSegment.__table__

_AT_LEVEL = sa.and_(_levels.c.port_id == _bindings.c.port_id, _levels.c.host == _bindings.c.host)
# Each port with its bindings, and with the segments that each is bound to.
_PLACES = (
    sa.join(_ports, _bindings, _bindings.c.port_id == _ports.c.id)
    .join(_levels, _AT_LEVEL)
    .join(_segments, _segments.c.id == _levels.c.segment_id)
)
_IS_VF = _bindings.c.vif_type == VIF_TYPE
# Neutron changes a binding in two commits: in the first the port is unbound on the host where it
# was, and has no levels (ml2/plugin.py, _process_port_binding and _commit_port_binding).
_IS_BETWEEN = sa.and_(
    _bindings.c.vif_type == portbindings.VIF_TYPE_UNBOUND,
    _bindings.c.vnic_type == portbindings.VNIC_DIRECT,
    _bindings.c.status == ACTIVE,
    _ports.c.admin_state_up.is_(True),
)
# Such ports with the segments that they may be bound to.
_MAY_BE_AT = (
    sa.join(_bindings, _ports, _bindings.c.port_id == _ports.c.id)
    .join(_segments, _segments.c.network_id == _ports.c.network_id)
    .join(_attributes, _attributes.c.id == _ports.c.standard_attr_id)
)
_IS_OWN = sa.and_(
    _bindings.c.vif_type == OWN_VIF_TYPE,
    _bindings.c.vnic_type == portbindings.VNIC_NORMAL,
    _ports.c.device_owner.in_(sorted(OWN_DEVICE_OWNERS)),
)
_ON_FABRIC = _segments.c.physical_network == sa.bindparam("physical_network")

# In the order of the fields of BoundPort.
_BOUND = (
    sa.select(
        _ports.c.id,
        _ports.c.network_id,
        _ports.c.mac_address,
        _ports.c.admin_state_up,
        _ports.c.status,
        _bindings.c.profile,
        _bindings.c.status,
        _segments.c.network_type,
        _segments.c.physical_network,
        _segments.c.segmentation_id,
        _attributes.c.revision_number,
        _ports.c.device_id,
    )
    .select_from(_PLACES.join(_attributes, _attributes.c.id == _ports.c.standard_attr_id))
    .where(
        _IS_VF,
        _bindings.c.host == sa.bindparam("host"),
        # No table has an index on the host, so all segments' ports are gone through; a cloud's
        # overlay networks, which have no physical network, need not be.
        _segments.c.physical_network.is_not(None),
    )
)

# In the order of the fields of MemberPort, with no MAC where the port is an AgentPort: all in one
# walk over the fabric's ports, of which each is looked up in three tables.
_BELONGING = (
    sa.select(
        _ports.c.id,
        sa.case((_IS_VF, _ports.c.mac_address)),
        _bindings.c.host,
        _bindings.c.profile,
        _segments.c.segmentation_id,
    )
    .select_from(_PLACES)
    .where(
        sa.or_(sa.and_(_IS_VF, _bindings.c.status == ACTIVE), _IS_OWN),
        _ports.c.admin_state_up.is_(True),
        _segments.c.network_type != FLAT,
        _ON_FABRIC,
    )
)
# The same columns, and when the port was changed last.
_REBOUND = (
    sa.select(*_BOUND.selected_columns, _attributes.c.updated_at)
    .select_from(_MAY_BE_AT)
    .where(
        _IS_BETWEEN,
        _bindings.c.host == sa.bindparam("host"),
        _segments.c.physical_network.is_not(None),
    )
)
_REBELONGING = (
    sa.select(
        _ports.c.id,
        _ports.c.mac_address,
        _bindings.c.host,
        _bindings.c.profile,
        _segments.c.segmentation_id,
        _attributes.c.updated_at,
    )
    .select_from(_MAY_BE_AT)
    .where(_IS_BETWEEN, _bindings.c.host != "", _segments.c.network_type != FLAT, _ON_FABRIC)
)
_BELONGING_OF = _BELONGING.where(_ports.c.id.in_(sa.bindparam("port_ids", expanding=True)))

# The index over network and MAC holds all of it: no port is read.
_WITH_MACS = (
    sa.select(_ports.c.id, _ports.c.mac_address)
    .select_from(sa.join(_segments, _ports, _ports.c.network_id == _segments.c.network_id))
    .where(_ports.c.mac_address.in_(sa.bindparam("macs", expanding=True)), _ON_FABRIC)
)
_MADE = (
    sa.select(_ports.c.id, _attributes.c.created_at)
    .select_from(sa.join(_ports, _attributes, _attributes.c.id == _ports.c.standard_attr_id))
    .where(_ports.c.id.in_(sa.bindparam("port_ids", expanding=True)))
)
_WAITING = (
    sa.select(_ports.c.id)
    .select_from(sa.join(_blocks, _ports, _blocks.c.standard_attr_id == _ports.c.standard_attr_id))
    .where(_blocks.c.entity == IB_FABRIC)
)
# Without `ports`, which would cost a third more: whose ports a host plugs is not asked here.
_BOUND_ON = (
    sa.select(_bindings.c.port_id)
    .select_from(
        sa.join(_bindings, _levels, _AT_LEVEL).join(
            _segments, _segments.c.id == _levels.c.segment_id
        )
    )
    .where(
        _bindings.c.vif_type.in_([VIF_TYPE, OWN_VIF_TYPE]), _bindings.c.status == ACTIVE, _ON_FABRIC
    )
)
_REPORTS = sa.select(_agents.c.host, _agents.c.configurations).where(
    _agents.c.agent_type == MELLANOX_AGENT
)


def host_rows(context: Any, host: str) -> HostRows:
    """Read what *host* should have: the bindings of ours to it, ACTIVE and INACTIVE."""
    with db_api.CONTEXT_READER.using(context):
        ports = [BoundPort(*row) for row in _rows(context, _BOUND, host=host)]
        between = [BoundPort(*row) for row in _rebinding(context, _REBOUND, host=host)]
        twins: dict[str, str] = {}
        for fabric in {port.physical_network for port in ports}:
            macs = {port.mac for port in ports if port.physical_network == fabric}
            suspects = _with_one_mac(context, fabric, macs)
            if suspects:
                found, _ = _belonging(context, _BELONGING_OF, fabric, port_ids=suspects)
                twins |= _duplicate_macs(context, found)
    return HostRows(ports, twins, between)


def fabric_rows(context: Any, physical_network: str, waiting: Collection[str]) -> FabricRows:
    """Read what *physical_network* should hold; *waiting* is what waiting_for_fabric() has said."""
    with db_api.CONTEXT_READER.using(context):
        ports, own = _belonging(context, _BELONGING, physical_network)
        found = _rebinding(context, _REBELONGING, physical_network=physical_network)
        between = [*map(MemberPort._make, found)]
        reports = {host: text for host, text in _rows(context, _REPORTS)}
        # Of agents that are not alive too.
        adapters = {host: agent_report.adapters_in(text) for host, text in reports.items()}
        left = {
            host: agent_report.left_in(text) for host, text in reports.items() if '"left"' in text
        }
        return FabricRows(
            ports, own, waiting, _duplicate_macs(context, ports), adapters, left, between
        )


def waiting_for_fabric(context: Any) -> list[str]:
    """Return the ports that wait for IB_FABRIC, on whatever fabric."""
    return [row.id for row in _rows(context, _WAITING)]


def bound_on_fabric(context: Any, physical_network: str) -> set[str]:
    """Return the ports bound on *physical_network*: VFs, and those that hosts plug themselves."""
    return {port_id for (port_id,) in _rows(context, _BOUND_ON, physical_network=physical_network)}


def _belonging(
    context: Any, statement: Any, physical_network: str, **more: object
) -> tuple[list[MemberPort], list[AgentPort]]:
    """Return the fabric's VFs, and the ports that hosts plug for themselves."""
    found = _rows(context, statement, physical_network=physical_network, **more)
    own = [AgentPort(row[0], row[2], row[4]) for row in found if row[1] is None]
    vfs = [row for row in found if row[1] is not None] if own else found
    return [*map(MemberPort._make, vfs)], own


def _rebinding(context: Any, statement: Any, **values: object) -> list[Sequence[Any]]:
    """Return the rows of ports that are being bound anew, without the time that tells so."""
    now = timeutils.utcnow()
    return [row[:-1] for row in _rows(context, statement, **values) if is_rebinding(row[-1], now)]


def _with_one_mac(context: Any, physical_network: str, macs: Collection[str]) -> list[str]:
    """Return the ports on networks of the fabric that have one of *macs* that another has too."""
    having: dict[str, set[str]] = {}
    for row in _rows(context, _WITH_MACS, physical_network=physical_network, macs=sorted(macs)):
        having.setdefault(row.mac_address, set()).add(row.id)
    return sorted(one for ports in having.values() if len(ports) > 1 for one in ports)


def _duplicate_macs(context: Any, ports: Collection[MemberPort]) -> dict[str, str]:
    """Return what duplicate_macs() says of a fabric's *ports*."""
    suspects = sharing_a_mac(ports)
    if not suspects:
        return {}
    ids = [port.port_id for port in suspects]
    # A time in a spelling that sorts by age.
    made = {row.id: str(row.created_at or "") for row in _rows(context, _MADE, port_ids=ids)}
    return duplicate_macs(suspects, made)


def _rows(context: Any, statement: Any, **values: object) -> Sequence[Any]:
    with db_api.CONTEXT_READER.using(context):
        rows: Sequence[Any] = context.session.execute(statement, values).all()
    return rows

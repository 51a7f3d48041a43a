# SPDX-License-Identifier: Apache-2.0
"""Reading Neutron's tables: one join for what is desired, and the few questions of the driver.

Columns and not objects, on purpose: Neutron's objects take a query for each port (464 ms instead of
3 ms for the ten ports of a host, measured on Neutron 29 with SQLite).  The tables are the same on
Neutron 26 to 29.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from neutron.db.models import agent as agent_model
from neutron.db.models import provisioning_block, segment
from neutron.db.models_v2 import Port
from neutron.plugins.ml2.models import PortBinding, PortBindingLevel
from neutron_lib.api.definitions import portbindings
from neutron_lib.db import api as db_api
from neutron_lib.db import standard_attr

from ibstack.fabric.errors import BadValue
from ibstack.neutron import reported
from ibstack.neutron.binding import OWN_DEVICE_OWNERS, OWN_VIF_TYPE, VIF_TYPE
from ibstack.neutron.desired import (
    ACTIVE,
    FLAT,
    BelongingPort,
    BoundPort,
    OwnPort,
    pci_address,
)
from ibstack.neutron.heartbeat import MELLANOX_AGENT, PARTITION_AGENT

if TYPE_CHECKING:
    from collections.abc import Collection

    from ibstack.fabric.pci import PciAddress
    from ibstack.neutron.reported import ReportedAdapter

IB_FABRIC: Final = "IB_FABRIC"

_Agent = agent_model.Agent
_Block = provisioning_block.ProvisioningBlock
_Segment = segment.NetworkSegment
_Attributes = standard_attr.StandardAttribute

_LIVE_SEGMENT = sa.and_(
    PortBindingLevel.port_id == PortBinding.port_id, PortBindingLevel.host == PortBinding.host
)
_WAITING = sa.and_(_Block.standard_attr_id == Port.standard_attr_id, _Block.entity == IB_FABRIC)

# One pass over one table, without a join: each join is 30 ms for 20,000 ports.
_REVISIONS = sa.select(
    sa.func.count(),
    sa.func.max(_Attributes.id),
    sa.func.sum(_Attributes.id),
    sa.func.sum(_Attributes.revision_number),
    sa.func.sum(_Attributes.id * _Attributes.revision_number),
)
_WAITING_IDS = (
    sa.select(_Block.standard_attr_id)
    .where(_Block.entity == IB_FABRIC)
    .order_by(_Block.standard_attr_id)
)
# By the first 64 bits of each report's MD5.
_REPORT_HASH = sa.text(
    "SELECT COUNT(*), BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT(host, ' ', configurations)), 16), 16, 10)"
    " AS UNSIGNED)) FROM agents WHERE agent_type = :agent_type"
).bindparams(agent_type=MELLANOX_AGENT)
_NEVER_REUSE_NUMBERS: Final = frozenset({"mysql", "mariadb"})

_OF_HOSTS = sa.and_(
    PortBinding.vif_type == OWN_VIF_TYPE,
    PortBinding.vnic_type == portbindings.VNIC_NORMAL,
    Port.device_owner.in_(sorted(OWN_DEVICE_OWNERS)),
)

# In the order of the fields of BoundPort.
_BOUND = (
    sa.select(
        Port.id,
        Port.network_id,
        Port.mac_address,
        Port.admin_state_up,
        Port.status,
        PortBinding.profile,
        PortBinding.status,
        _Segment.network_type,
        _Segment.physical_network,
        _Segment.segmentation_id,
        _Attributes.revision_number,
    )
    .join(PortBinding, PortBinding.port_id == Port.id)
    .join(PortBindingLevel, _LIVE_SEGMENT)
    .join(_Segment, _Segment.id == PortBindingLevel.segment_id)
    .join(_Attributes, _Attributes.id == Port.standard_attr_id)
    .where(PortBinding.vif_type == VIF_TYPE)
)

# In the order of the fields of BelongingPort; a column costs 15 ms for 10,000 ports.
_BELONGING = (
    sa.select(
        Port.id,
        Port.mac_address,
        PortBinding.host,
        PortBinding.profile,
        _Segment.segmentation_id,
        _Block.entity.isnot(None),
    )
    .join(PortBinding, PortBinding.port_id == Port.id)
    .join(PortBindingLevel, _LIVE_SEGMENT)
    .join(_Segment, _Segment.id == PortBindingLevel.segment_id)
    .outerjoin(_Block, _WAITING)
    .where(
        PortBinding.vif_type == VIF_TYPE,
        PortBinding.status == ACTIVE,
        Port.admin_state_up.is_(True),
        _Segment.network_type != FLAT,
    )
)


def bound_to_host(context: Any, host: str) -> list[BoundPort]:
    """Return the bindings of ours to *host*, ACTIVE and INACTIVE."""
    found = _execute(context, _BOUND.where(PortBinding.host == host))
    return [BoundPort(*row) for row in found]


def belonging_to_fabric(context: Any, physical_network: str) -> list[BelongingPort]:
    """Return the ports that belong to partitions of *physical_network*."""
    found = _execute(context, _BELONGING.where(_Segment.physical_network == physical_network))
    return [BelongingPort(*row) for row in found]


def plugged_by_hosts(context: Any, physical_network: str) -> list[OwnPort]:
    """Return the DHCP and router ports that are bound on *physical_network*."""
    found = _execute(
        context,
        sa.select(Port.id, PortBinding.host, _Segment.segmentation_id)
        .join(PortBinding, PortBinding.port_id == Port.id)
        .join(PortBindingLevel, _LIVE_SEGMENT)
        .join(_Segment, _Segment.id == PortBindingLevel.segment_id)
        .where(
            _OF_HOSTS,
            Port.admin_state_up.is_(True),
            _Segment.network_type != FLAT,
            _Segment.physical_network == physical_network,
        ),
    )
    return [OwnPort(*row) for row in found]


def repeated_macs(context: Any, macs: Collection[str]) -> frozenset[str]:
    """Return those of *macs* that more than one port has, of whatever network."""
    if not macs:
        return frozenset()
    found = _execute(
        context,
        sa.select(Port.mac_address)
        .where(Port.mac_address.in_(sorted(macs)))
        .group_by(Port.mac_address)
        .having(sa.func.count() > 1),
    )
    return frozenset(row.mac_address for row in found)


def made(context: Any, port_ids: Collection[str]) -> dict[str, str]:
    """Return when each of *port_ids* was made, in a spelling that sorts by age."""
    if not port_ids:
        return {}
    found = _execute(
        context,
        sa.select(Port.id, _Attributes.created_at)
        .join(_Attributes, _Attributes.id == Port.standard_attr_id)
        .where(Port.id.in_(sorted(port_ids))),
    )
    return {row.id: str(row.created_at or "") for row in found}


def waiting_for_fabric(context: Any, physical_network: str) -> dict[str, bool]:
    """Return the ports bound on *physical_network*, and whether each waits for IB_FABRIC.

    Those that hosts plug for themselves are among them, and never wait.
    """
    found = _execute(
        context,
        sa.select(Port.id, _Block.entity)
        .join(PortBinding, PortBinding.port_id == Port.id)
        .join(PortBindingLevel, _LIVE_SEGMENT)
        .join(_Segment, _Segment.id == PortBindingLevel.segment_id)
        .outerjoin(_Block, _WAITING)
        .where(
            sa.or_(PortBinding.vif_type == VIF_TYPE, _OF_HOSTS),
            PortBinding.status == ACTIVE,
            _Segment.physical_network == physical_network,
        ),
    )
    return {row.id: row.entity is not None for row in found}


def adapters_by_host(context: Any) -> dict[str, tuple[ReportedAdapter, ...]]:
    """Return the adapters that each host's agent reported last, whether it is alive or not."""
    found = _execute(
        context,
        sa.select(_Agent.host, _Agent.configurations).where(_Agent.agent_type == MELLANOX_AGENT),
    )
    return {row.host: reported.adapters_in(row.configurations) for row in found}


@dataclass(frozen=True, slots=True)
class Changes:
    """Equal to an earlier one only where nothing of what is desired of a fabric has changed since.

    Neutron's revision plugin, which every Neutron loads, raises the revision of a port with every
    change of it, of its binding and of the levels of that, and of a segment with every change of it
    (`revises_on_change` in Neutron's models).  What is made gets a number that was never used.  So
    nothing is made, taken away or changed without one of the sums being another.
    """

    resources: tuple[int, ...]
    """Number, highest id, and sums of id, revision and id x revision of all that has a revision."""
    waiting: tuple[int, ...]
    """The ports that wait for IB_FABRIC: Neutron gives them no revision for that."""
    reports: tuple[int, ...]
    """Number and hash of what the agents report about themselves."""


def changes(context: Any) -> Changes | None:
    """Return what tells whether to read the rest: 3 ms for 20,000 ports.

    None where that is not known: SQLite gives the number of what was deleted last to what is made
    next.
    """
    with db_api.CONTEXT_READER.using(context):
        if context.session.get_bind().dialect.name not in _NEVER_REUSE_NUMBERS:
            return None
        resources = context.session.execute(_REVISIONS).one()
        waiting = context.session.execute(_WAITING_IDS).scalars().all()
        reports = context.session.execute(_REPORT_HASH).one()
    return Changes(
        tuple(int(each or 0) for each in resources), tuple(waiting), tuple(int(x) for x in reports)
    )


def is_infiniband(context: Any, physical_network: str) -> bool:
    """Return whether any agent of ours has ever reported to serve *physical_network*."""
    quoted = json.dumps(physical_network)
    found = _execute(
        context,
        sa.select(_Agent.configurations).where(
            _Agent.agent_type.in_([MELLANOX_AGENT, PARTITION_AGENT]),
            _Agent.configurations.contains(quoted, autoescape=True),
        ),
    )
    return any(physical_network in reported.physical_networks(row.configurations) for row in found)


def mac_owner(context: Any, port: dict[str, Any], physical_networks: Collection[str]) -> str | None:
    """Return a direct port of another network of the same fabric with the MAC of *port*."""
    found = _execute(
        context,
        sa.select(Port.id)
        .join(PortBinding, PortBinding.port_id == Port.id)
        .join(_Segment, _Segment.network_id == Port.network_id)
        .where(
            Port.mac_address == port["mac_address"],
            Port.id != port["id"],
            Port.network_id != port["network_id"],
            PortBinding.vnic_type == portbindings.VNIC_DIRECT,
            _Segment.physical_network.in_(sorted(physical_networks)),
        )
        .limit(1),
    )
    return str(found[0].id) if found else None


def taken_vfs(context: Any, host: str, port_id: str) -> dict[PciAddress, str]:
    """Return which VFs of *host* are bound to ports other than *port_id*."""
    found = _execute(
        context,
        sa.select(PortBinding.port_id, PortBinding.profile).where(
            PortBinding.host == host,
            PortBinding.vif_type == VIF_TYPE,
            PortBinding.port_id != port_id,
        ),
    )
    taken = {}
    for row in found:
        pci = _vf(row.profile)
        if pci is not None:
            taken[pci] = str(row.port_id)
    return taken


def bindings_on(context: Any, host: str, port_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (binding status, port status) of those of *port_ids* that are bound to *host*."""
    found = _execute(
        context,
        sa.select(Port.id, PortBinding.status.label("binding"), Port.status)
        .join(PortBinding, PortBinding.port_id == Port.id)
        .where(
            PortBinding.host == host,
            PortBinding.vif_type == VIF_TYPE,
            Port.id.in_(sorted(port_ids)),
        ),
    )
    return {str(row.id): (row.binding, row.status) for row in found}


def _execute(context: Any, statement: Any) -> list[Any]:
    with db_api.CONTEXT_READER.using(context):
        return list(context.session.execute(statement).all())


def _vf(profile: str) -> PciAddress | None:
    try:
        return pci_address(profile)
    except (BadValue, ValueError):
        return None

# SPDX-License-Identifier: Apache-2.0
"""Reading Neutron's tables: one join for what is desired, and the few questions of the driver.

Columns and not objects, on purpose: Neutron's objects take a query for each port (464 ms instead of
3 ms for the ten ports of a host, measured on Neutron 29 with SQLite).  The tables are the same on
Neutron 26 to 29.
"""

from __future__ import annotations

import json
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
from ibstack.neutron.binding import VIF_TYPE
from ibstack.neutron.desired import ACTIVE, BoundPort, pci_address
from ibstack.neutron.heartbeat import MELLANOX_AGENT, PARTITION_AGENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ibstack.fabric.pci import PciAddress
    from ibstack.neutron.reported import ReportedAdapter

IB_FABRIC: Final = "IB_FABRIC"

_Agent = agent_model.Agent
_Block = provisioning_block.ProvisioningBlock
_Segment = segment.NetworkSegment
_Attributes = standard_attr.StandardAttribute

_BOUND = (
    sa.select(
        Port.id,
        Port.network_id,
        Port.mac_address,
        Port.admin_state_up,
        Port.status,
        PortBinding.host,
        PortBinding.profile,
        PortBinding.status.label("binding"),
        _Segment.network_type,
        _Segment.physical_network,
        _Segment.segmentation_id,
        _Attributes.revision_number,
        _Attributes.created_at,
        _Block.entity,
    )
    .join(PortBinding, PortBinding.port_id == Port.id)
    .join(
        PortBindingLevel,
        sa.and_(
            PortBindingLevel.port_id == PortBinding.port_id,
            PortBindingLevel.host == PortBinding.host,
        ),
    )
    .join(_Segment, _Segment.id == PortBindingLevel.segment_id)
    .join(_Attributes, _Attributes.id == Port.standard_attr_id)
    .outerjoin(
        _Block,
        sa.and_(_Block.standard_attr_id == Port.standard_attr_id, _Block.entity == IB_FABRIC),
    )
    .where(PortBinding.vif_type == VIF_TYPE)
)


def bound_to_host(context: Any, host: str) -> list[BoundPort]:
    """Return the bindings of ours to *host*, ACTIVE and INACTIVE."""
    return _bound(context, PortBinding.host == host)


def bound_to_fabric(context: Any, physical_network: str) -> list[BoundPort]:
    """Return the bindings of ours on *physical_network*, ACTIVE and INACTIVE."""
    return _bound(context, _Segment.physical_network == physical_network)


def sharing_a_mac(context: Any, rows: Iterable[BoundPort]) -> list[BoundPort]:
    """Return the live bindings that have a MAC of *rows*, the live ones of *rows* among them."""
    macs = sorted({row.mac for row in rows})
    if not macs:
        return []
    return _bound(context, Port.mac_address.in_(macs), PortBinding.status == ACTIVE)


def adapters_by_host(context: Any) -> dict[str, tuple[ReportedAdapter, ...]]:
    """Return the adapters that each host's agent reported last, whether it is alive or not."""
    found = _execute(
        context,
        sa.select(_Agent.host, _Agent.configurations).where(_Agent.agent_type == MELLANOX_AGENT),
    )
    return {row.host: reported.adapters_in(row.configurations) for row in found}


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


def _bound(context: Any, *where: Any) -> list[BoundPort]:
    return [
        BoundPort(
            port_id=row.id,
            network_id=row.network_id,
            mac=row.mac_address,
            admin_state_up=bool(row.admin_state_up),
            status=row.status,
            host=row.host,
            profile=row.profile,
            binding=row.binding,
            network_type=row.network_type,
            physical_network=row.physical_network,
            segmentation_id=row.segmentation_id,
            revision=row.revision_number,
            created=str(row.created_at or ""),
            waiting=row.entity is not None,
        )
        for row in _execute(context, _BOUND.where(*where))
    ]


def _execute(context: Any, statement: Any) -> list[Any]:
    with db_api.CONTEXT_READER.using(context):
        return list(context.session.execute(statement).all())


def _vf(profile: str) -> PciAddress | None:
    try:
        return pci_address(profile)
    except (BadValue, ValueError):
        return None

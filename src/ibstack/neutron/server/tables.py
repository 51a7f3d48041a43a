# SPDX-License-Identifier: Apache-2.0
"""Reading Neutron's tables: the few questions of the driver, and of what hosts report.

What is desired is read by `desired_tables.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from neutron.db.extra_dhcp_opt.models import ExtraDhcpOpt
from neutron.db.models import agent as agent_model
from neutron.db.models import segment
from neutron.db.models_v2 import Network, Port
from neutron.plugins.ml2.models import PortBinding, PortBindingLevel
from neutron_lib.api.definitions import portbindings
from neutron_lib.db import api as db_api

from ibstack.fabric.errors import BadValue
from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack.fabric.segment import FLAT
from ibstack.formats.extra_dhcp_opts import CLIENT_ID_NAMES
from ibstack.neutron.protocol import agent_report
from ibstack.neutron.protocol.conventions import OWN_DEVICE_OWNERS, OWN_VIF_TYPE, VIF_TYPE
from ibstack.neutron.server.desired import pci_address
from ibstack.neutron.server.table_places import HostPort

if TYPE_CHECKING:
    from collections.abc import Collection

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.pci import PciAddress

_Agent = agent_model.Agent
_Segment = segment.NetworkSegment


def served_by_fabricd(context: Any) -> frozenset[str]:
    """Return the physical networks that an ibstack-fabricd reports to serve.

    What agents of hosts report does not count: any of the hosts could make a network InfiniBand.
    """
    served = (agent_report.served_networks(row.configurations) for row in _fabricds(context))
    return frozenset[str]().union(*served)


def who_reports(context: Any, guid: Guid) -> str | None:
    """Return the host whose agent reports *guid* as a physical port's, or as one of the site's."""
    found = _execute(
        context,
        sa.select(_Agent.host, _Agent.configurations).where(
            _Agent.agent_type.in_([MELLANOX_AGENT, PARTITION_AGENT]),
            _Agent.configurations.contains(str(guid), autoescape=True),
        ),
    )
    hosts = [row.host for row in found if guid in agent_report.guids(row.configurations)]
    return str(hosts[0]) if hosts else None


def client_id_owner(
    context: Any, port: dict[str, Any], client_ids: Collection[str], macs: Collection[str]
) -> str | None:
    """Return another port of the network of *port* with one of *client_ids* or of *macs*."""
    elsewhere = (Port.network_id == port["network_id"], Port.id != port["id"])
    found = _execute(
        context,
        sa.select(Port.id)
        .join(ExtraDhcpOpt, ExtraDhcpOpt.port_id == Port.id)
        .where(
            *elsewhere,
            ExtraDhcpOpt.opt_name.in_(CLIENT_ID_NAMES),
            sa.func.lower(ExtraDhcpOpt.opt_value).in_(sorted(client_ids)),
        )
        .union(sa.select(Port.id).where(*elsewhere, Port.mac_address.in_(sorted(macs))))
        .limit(1),
    )
    return str(found[0].id) if found else None


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


def ports_of_host(
    context: Any, host: str, physical_network: str | None, but: str
) -> list[HostPort]:
    """Return the ports but *but* that are bound to *host* on networks of that with a key."""
    own = sa.and_(PortBinding.vif_type == OWN_VIF_TYPE, Port.device_owner.in_(OWN_DEVICE_OWNERS))
    found = _execute(
        context,
        sa.select(own.label("own"), PortBinding.profile, _Segment.segmentation_id)
        .join(Port, Port.id == PortBinding.port_id)
        .join(
            PortBindingLevel,
            sa.and_(
                PortBindingLevel.port_id == PortBinding.port_id,
                PortBindingLevel.host == PortBinding.host,
            ),
        )
        .join(_Segment, _Segment.id == PortBindingLevel.segment_id)
        .where(
            PortBinding.host == host,
            PortBinding.port_id != but,
            sa.or_(PortBinding.vif_type == VIF_TYPE, own),
            _Segment.physical_network == physical_network,
            _Segment.network_type != FLAT,
        ),
    )
    return [HostPort(bool(row.own), row.profile, row.segmentation_id) for row in found]


def agent_of(host: str) -> Any:
    """Return the select of the row of *host*'s ibstack-agent."""
    return sa.select(_Agent.configurations).where(
        _Agent.host == host, _Agent.agent_type == MELLANOX_AGENT
    )


def adapters_of(context: Any, host: str) -> tuple[agent_report.ReportedAdapter, ...]:
    """Return what *host*'s ibstack-agent reported last."""
    found = _execute(context, agent_of(host))
    return agent_report.adapters_in(found[0].configurations) if found else ()


def instance_of(context: Any, host: str) -> str | None:
    """Return the digest of the instance of *host*'s ibstack-agent that was heard last."""
    found = _execute(context, agent_of(host))
    return agent_report.instance_in(found[0].configurations) if found else None


def table_rooms(context: Any, physical_network: str | None) -> agent_report.TableRooms:
    """Return what ibstack-fabricds report of the tables on *physical_network*."""
    texts = [row.configurations for row in _fabricds(context)]
    return agent_report.table_rooms(texts, physical_network or "")


def segments_of(network_id: str) -> Any:
    """Return the select of the rows of a network's segments."""
    return sa.select(_Segment.id).where(_Segment.network_id == network_id)


def networks_of(context: Any, project: str, physical_networks: Collection[str]) -> int:
    """Return how many networks of *project* have a key on *physical_networks*."""
    found = _execute(
        context,
        sa.select(sa.func.count(sa.distinct(Network.id)))
        .join(_Segment, _Segment.network_id == Network.id)
        .where(
            Network.project_id == project,
            _Segment.physical_network.in_(sorted(physical_networks)),
            _Segment.network_type != FLAT,
        ),
    )
    return int(found[0][0])


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


def bound_elsewhere(context: Any, host: str, port_ids: Collection[str]) -> dict[str, str]:
    """Return to which other host those of *port_ids* are bound that are bound to one."""
    found = _execute(
        context,
        sa.select(PortBinding.port_id, PortBinding.host).where(
            PortBinding.port_id.in_(sorted(port_ids)), PortBinding.host.not_in(["", host])
        ),
    )
    return {str(row.port_id): str(row.host) for row in found}


def _fabricds(context: Any) -> list[Any]:
    return _execute(
        context, sa.select(_Agent.configurations).where(_Agent.agent_type == PARTITION_AGENT)
    )


def _execute(context: Any, statement: Any) -> list[Any]:
    with db_api.CONTEXT_READER.using(context):
        return list(context.session.execute(statement).all())


def _vf(profile: str) -> PciAddress | None:
    try:
        return pci_address(profile)
    except (BadValue, ValueError):
        return None

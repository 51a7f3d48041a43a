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
from neutron.db.models_v2 import Port
from neutron.plugins.ml2.models import PortBinding
from neutron_lib.api.definitions import portbindings
from neutron_lib.db import api as db_api

from ibstack.fabric.errors import BadValue
from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack.formats.extra_dhcp_opts import CLIENT_ID_NAMES
from ibstack.neutron import reported
from ibstack.neutron.binding import VIF_TYPE
from ibstack.neutron.desired import pci_address

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
    found = _execute(
        context, sa.select(_Agent.configurations).where(_Agent.agent_type == PARTITION_AGENT)
    )
    served = (reported.served_networks(row.configurations) for row in found)
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
    hosts = [row.host for row in found if guid in reported.guids(row.configurations)]
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


def _execute(context: Any, statement: Any) -> list[Any]:
    with db_api.CONTEXT_READER.using(context):
        return list(context.session.execute(statement).all())


def _vf(profile: str) -> PciAddress | None:
    try:
        return pci_address(profile)
    except (BadValue, ValueError):
        return None

# SPDX-License-Identifier: Apache-2.0
"""The ML2 mechanism driver `infiniband`: binds VF ports of hosts whose ibstack-agent is alive.

It keeps no tables and starts no threads.  Neutron calls it from many threads at once, so nothing
of a call is kept on the driver.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from neutron.db import provisioning_blocks
from neutron.plugins.ml2.drivers import mech_agent
from neutron_lib import exceptions
from neutron_lib.api.definitions import portbindings
from neutron_lib.callbacks import resources
from neutron_lib.plugins import directory
from neutron_lib.plugins.ml2 import api
from oslo_config import cfg

from ibstack.fabric.errors import BadValue
from ibstack.fabric.neutron_names import IB_FABRIC, IB_HOST, MELLANOX_AGENT, PARTITION_AGENT
from ibstack.fabric.segment import FLAT
from ibstack.neutron import conflicts, dhcp_options, hints, reported, tables
from ibstack.neutron.binding import (
    OWN_DEVICE_OWNERS,
    OWN_VIF_TYPE,
    VIF_TYPE,
    Request,
    vif_details,
    why_not,
    why_not_own,
)
from ibstack.neutron.desired import ACTIVE, pci_slot
from ibstack.neutron.options import Settings, read_settings
from ibstack.neutron.rpc import start_listener
from ibstack.neutron.said_once import SaidOnce

if TYPE_CHECKING:
    from ibstack.neutron.hints import Hints, Standing

LOG = logging.getLogger(__name__)

_NAMES_OF_A_GUEST = ("mac_address", portbindings.VNIC_TYPE, "extra_dhcp_opts")
"""What of a port decides by which names its guest asks for an address."""


class UnknownClientId(exceptions.BadRequest):
    """HTTP 400: no guest sends such a client-id over InfiniBand."""

    message = "cannot set the DHCP options of port %(port_id)s: %(why)s"


class InfinibandMechanismDriver(mech_agent.SimpleAgentMechanismDriverBase):
    """Binds `direct` ports as `ib_hostdev`; see docs/reference/driver.md."""

    def __init__(self) -> None:
        super().__init__(MELLANOX_AGENT, VIF_TYPE, {}, [portbindings.VNIC_DIRECT])
        self.settings = Settings()
        self.hints: Hints = hints.BrokerHints()
        self._declined = SaidOnce()

    def initialize(self) -> None:
        self.settings = read_settings(cfg.CONF)

    @property
    def connectivity(self) -> str:
        # With the default, `legacy`, Neutron binds no port without an IP address.
        return str(portbindings.CONNECTIVITY_L2)

    def start_rpc_listeners(self) -> list[Any]:
        """Serve the agents: called in each RPC worker."""
        return start_listener(self.settings)

    def get_allowed_network_types(self, agent: Any = None) -> tuple[str, ...]:
        return self.settings.network_types

    def get_mappings(self, agent: Any) -> set[str]:
        return {one.physical_network for one in reported.adapters(agent["configurations"])}

    def get_vif_details(self, context: Any, agent: Any, segment: Any) -> dict[str, Any]:
        return vif_details(self.connectivity, segment[api.PHYSICAL_NETWORK])

    def bind_port(self, context: Any) -> None:
        own = _is_plugged_by_its_host(context.current)
        if not own and not _is_direct(context.current):
            return
        agents = context.host_agents(self.agent_type)
        if not any(agent["alive"] for agent in agents):
            what = "is not alive" if agents else "has never reported"
            # Each network node without InfiniBand has DHCP ports: there this is no news.
            if not own or self._on_infiniband(context, _physical_networks(context)):
                self._decline(context, f"ibstack-agent of that host {what}")
        elif own:
            self._bind_own(context, [agent for agent in agents if agent["alive"]])
        else:
            super().bind_port(context)

    def _bind_own(self, context: Any, agents: list[Any]) -> None:
        """Bind a DHCP or router port: the agent of Neutron that owns it plugs it, at once."""
        adapters = [one for a in agents for one in reported.adapters(a["configurations"])]
        for segment in context.segments_to_bind:
            reason = why_not_own(_request(context, segment), tuple(adapters), self.settings)
            if reason is None:
                details = vif_details(self.connectivity, segment[api.PHYSICAL_NETWORK])
                context.set_binding(segment[api.ID], OWN_VIF_TYPE, details, status=ACTIVE)
                return
            if self._on_infiniband(context, _physical_networks(context)):
                self._decline(context, reason)

    def try_to_bind_segment_for_agent(self, context: Any, segment: Any, agent: Any) -> bool:
        port = context.current
        reason = why_not(
            _request(context, segment),
            reported.adapters(agent["configurations"]),
            tables.taken_vfs(context.plugin_context, context.host, port["id"]),
            self.settings,
        )
        if reason is not None:
            self._decline(context, reason)
            return False
        details = self.get_vif_details(context, agent, segment)
        context.set_binding(segment[api.ID], VIF_TYPE, details)
        return True

    def _decline(self, context: Any, reason: str) -> None:
        port_id = context.current["id"]
        if self._declined.first_time(port_id, reason):
            LOG.info(
                "port %s is left to other drivers: cannot bind it on host %s: %s",
                port_id,
                context.host,
                reason,
            )

    def create_port_precommit(self, context: Any) -> None:
        self._keep_client_id(context)
        self._refuse_what_is_anothers(context, mac=True)

    def update_port_precommit(self, context: Any) -> None:
        self._keep_client_id(context)
        if _changed(context, *_NAMES_OF_A_GUEST):
            self._refuse_what_is_anothers(context, mac=_renamed(context))
        before, after = _former(context), _current(context)
        if after.ours and after != before:
            self._hold_down(context)
        elif before.ours and not after.ours:
            self._let_go(context)

    def _refuse_what_is_anothers(self, context: Any, *, mac: bool) -> None:
        """Refuse (HTTP 409) what the port may not have on InfiniBand; *mac*: its MAC is new."""
        fabrics, port = _physical_networks(context), context.current
        if not self._on_infiniband(context, fabrics):
            return
        if mac and _is_direct(port):
            conflicts.refuse_mac(context.plugin_context, port, fabrics)
        # Of ports of any kind: one that nobody boots could hold the name of one that somebody does.
        if context.original is None or _changed(context, "extra_dhcp_opts"):
            _require_known_client_ids(port)
        conflicts.refuse_client_ids(context.plugin_context, port)

    def _keep_client_id(self, context: Any) -> None:
        port = context.current
        if not _is_direct(port):
            return
        if context.vif_type == VIF_TYPE or (
            _wants_client_id_anew(context)
            and self._on_infiniband(context, _physical_networks(context))
        ):
            former = context.original["mac_address"] if context.original else None
            dhcp_options.keep_client_id(
                context.plugin_context, port, former, self.settings.client_id_form
            )

    def _on_infiniband(self, context: Any, physical_networks: frozenset[str]) -> bool:
        """Tell whether a network is InfiniBand: by what the operator lists, or fabricd serves."""
        listed = self.settings.physical_networks
        if listed or not physical_networks:
            return bool(physical_networks & listed)
        return bool(physical_networks & tables.served_by_fabricd(context.plugin_context))

    def _hold_down(self, context: Any) -> None:
        """Keep the port from ACTIVE until the host, and the fabric, say that it is so."""
        if context.current["status"] == ACTIVE:
            return
        self._insert(context, IB_HOST)
        segment = context.bottom_bound_segment
        if segment is None or segment[api.NETWORK_TYPE] == FLAT:
            # Every port is a limited member of the default partition: there is nothing to do.
            return
        if _fabricd_alive(context, segment[api.PHYSICAL_NETWORK]):
            self._insert(context, IB_FABRIC)

    @staticmethod
    def _insert(context: Any, entity: str) -> None:
        provisioning_blocks.add_provisioning_component(
            context.plugin_context, context.current["id"], resources.PORT, entity
        )

    @staticmethod
    def _let_go(context: Any) -> None:
        """Another driver may bind the port next, and would never complete what is ours."""
        for entity in (IB_HOST, IB_FABRIC):
            provisioning_blocks.remove_provisioning_component(
                context.plugin_context, context.current["id"], resources.PORT, entity
            )

    def create_port_postcommit(self, context: Any) -> None:
        self._hint(context, None, _current(context))

    def update_port_postcommit(self, context: Any) -> None:
        lost = context.original_status == ACTIVE and context.status != ACTIVE
        before, after = _former(context), _current(context)
        if hints.is_bound_anew(before, after):
            return
        self._hint(context, self._before(context, before, after), after, lost_active=lost)

    def delete_port_postcommit(self, context: Any) -> None:
        self._hint(context, self._before(context, _current(context), None), None)

    def _before(self, context: Any, before: Standing, after: Standing | None) -> Standing:
        """Return *before*, as ours where it was so a moment before that, for all that is known."""
        was = hints.as_it_was(before, after)
        if before in (was, after):
            return before
        return was if self._on_infiniband(context, _physical_networks(context)) else before

    def _hint(
        self,
        context: Any,
        before: Standing | None,
        after: Standing | None,
        *,
        lost_active: bool = False,
    ) -> None:
        whom = hints.concerned(before, after, lost_active=lost_active)
        for host in whom.hosts:
            self.hints.port_hint(host, context.current["id"])
        if whom.fabric:
            for physical_network in sorted(_physical_networks(context)):
                self.hints.fabric_hint(physical_network)


def _request(context: Any, segment: Any) -> Request:
    port = context.current
    return Request(
        mac=port["mac_address"],
        pci_slot=pci_slot(port.get(portbindings.PROFILE)),
        host=context.host,
        network_type=segment[api.NETWORK_TYPE],
        physical_network=segment[api.PHYSICAL_NETWORK],
        segmentation_id=segment[api.SEGMENTATION_ID],
    )


def _current(context: Any) -> Standing:
    return _standing(context.current, context.host, context.vif_type)


def _former(context: Any) -> Standing:
    return _standing(context.original, context.original_host, context.original_vif_type)


def _standing(port: dict[str, Any], host: str | None, vif_type: str | None) -> Standing:
    return hints.Standing(
        host=host or "",
        vif_type=vif_type or "",
        pci_slot=pci_slot(port.get(portbindings.PROFILE)),
        mac=port["mac_address"],
        admin_state_up=port["admin_state_up"],
        device_owner=port.get("device_owner") or "",
    )


def _require_known_client_ids(port: dict[str, Any]) -> None:
    try:
        dhcp_options.require_known_client_ids(port.get("extra_dhcp_opts") or ())
    except BadValue as error:
        raise UnknownClientId(port_id=port["id"], why=str(error)) from error


def _is_direct(port: dict[str, Any]) -> bool:
    return bool(port.get(portbindings.VNIC_TYPE) == portbindings.VNIC_DIRECT)


def _is_plugged_by_its_host(port: dict[str, Any]) -> bool:
    """Tell whether a DHCP or L3 agent plugs the port on its own host."""
    vnic_type = port.get(portbindings.VNIC_TYPE, portbindings.VNIC_NORMAL)
    return vnic_type == portbindings.VNIC_NORMAL and port.get("device_owner") in OWN_DEVICE_OWNERS


def _renamed(context: Any) -> bool:
    return _changed(context, "mac_address", portbindings.VNIC_TYPE)


def _wants_client_id_anew(context: Any) -> bool:
    """Tell whether it is worth asking what network the port is on: statuses change often."""
    return context.original is None or _changed(context, *_NAMES_OF_A_GUEST)


def _changed(context: Any, *names: str) -> bool:
    return any(context.current.get(name) != context.original.get(name) for name in names)


def _physical_networks(context: Any) -> frozenset[str]:
    names = (segment[api.PHYSICAL_NETWORK] for segment in context.network.network_segments)
    return frozenset(name for name in names if name)


def _fabricd_alive(context: Any, physical_network: str) -> bool:
    agents = directory.get_plugin().get_agents(
        context.plugin_context, filters={"agent_type": [PARTITION_AGENT]}
    )
    return any(
        bool(agent["alive"])
        and physical_network in (agent["configurations"].get("physical_networks") or ())
        for agent in agents
    )

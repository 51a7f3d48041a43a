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
from ibstack.neutron.protocol import agent_report
from ibstack.neutron.protocol.conventions import OWN_VIF_TYPE, VIF_TYPE
from ibstack.neutron.server import (
    conflicts,
    dhcp_options,
    full_tables,
    hints,
    port_context,
    project_quota,
    tables,
)
from ibstack.neutron.server.alone import after_those_alone, alone
from ibstack.neutron.server.binding import vif_details, why_not, why_not_own
from ibstack.neutron.server.desired import ACTIVE
from ibstack.neutron.server.log_once import LogOnce
from ibstack.neutron.server.options import Settings, read_settings
from ibstack.neutron.server.refusals import Refusal, log_in_one_line
from ibstack.neutron.server.rpc import start_listener
from ibstack.neutron.server.senders import Senders, watch_heartbeats

if TYPE_CHECKING:
    from ibstack.neutron.server.hints import Hints, PortSnapshot

LOG = logging.getLogger(__name__)

_NAMES_OF_A_GUEST = ("mac_address", portbindings.VNIC_TYPE, "extra_dhcp_opts")
"""What of a port decides by which names its guest asks for an address."""
_PLACE_OF_A_GUEST = (portbindings.HOST_ID, portbindings.PROFILE)
"""What of a port decides in which tables its network needs a place."""


class UnknownClientId(exceptions.BadRequest, Refusal):
    """HTTP 400: no guest sends such a client-id over InfiniBand."""

    message = "cannot set the DHCP options of port %(port_id)s: %(why)s"


class InfinibandMechanismDriver(mech_agent.SimpleAgentMechanismDriverBase):
    """Binds `direct` ports as `ib_hostdev`; see docs/reference/driver.md."""

    def __init__(self) -> None:
        super().__init__(MELLANOX_AGENT, VIF_TYPE, {}, [portbindings.VNIC_DIRECT])
        self.settings = Settings()
        self.hints: Hints = hints.BrokerHints()
        self._declined = LogOnce()

    def initialize(self) -> None:
        self.settings = read_settings(cfg.CONF)
        project_quota.register(self._infiniband)
        log_in_one_line()
        watch_heartbeats(Senders())

    @property
    def connectivity(self) -> str:
        # With the default, `legacy`, Neutron binds no port without an IP address.
        return str(portbindings.CONNECTIVITY_L2)

    def start_rpc_listeners(self) -> list[Any]:
        """Serve the agents: called in each RPC worker."""
        return start_listener(self.settings)

    def get_allowed_network_types(self, agent: Any = None) -> tuple[str, ...]:
        return self.settings.network_types

    def filter_hosts_with_segment_access(
        self, context: Any, segments: Any, candidate_hosts: Any, agent_getter: Any
    ) -> set[str]:
        """Return the hosts that can serve a network: Neutron chooses DHCP agents among them."""
        hosts = super().filter_hosts_with_segment_access(
            context, segments, candidate_hosts, agent_getter
        )
        ours = self._infiniband(context)
        here = [segment for segment in segments if segment[api.PHYSICAL_NETWORK] in ours]
        if not here:
            return set(hosts)
        requests = [
            port_context.own_request(host, segment) for host in sorted(hosts) for segment in here
        ]
        return full_tables.hosts_with_room(context, requests)

    def get_mappings(self, agent: Any) -> set[str]:
        return {one.physical_network for one in agent_report.adapters(agent["configurations"])}

    def get_vif_details(self, context: Any, agent: Any, segment: Any) -> dict[str, Any]:
        return vif_details(self.connectivity, segment[api.PHYSICAL_NETWORK])

    def bind_port(self, context: Any) -> None:
        own = port_context.is_plugged_by_its_host(context.current)
        if not own and not port_context.is_direct(context.current):
            return
        agents = context.host_agents(self.agent_type)
        if not any(agent["alive"] for agent in agents):
            what = "is not alive" if agents else "has never reported"
            # Each network node without InfiniBand has DHCP ports: there this is no news.
            if not own or self._on_infiniband(context):
                self._decline(context, f"ibstack-agent of that host {what}")
        elif own:
            self._bind_own(context, [agent for agent in agents if agent["alive"]])
        else:
            super().bind_port(context)

    def _bind_own(self, context: Any, agents: list[Any]) -> None:
        """Bind a DHCP or router port: the agent of Neutron that owns it plugs it, at once."""
        adapters = [one for a in agents for one in agent_report.adapters(a["configurations"])]
        for segment in context.segments_to_bind:
            request = port_context.request(context, segment)
            reason = why_not_own(request, tuple(adapters), self.settings)
            reason = reason or full_tables.why_no_place(
                context.plugin_context, request, adapters, context.current["id"], is_own=True
            )
            if reason is None:
                details = vif_details(self.connectivity, segment[api.PHYSICAL_NETWORK])
                context.set_binding(segment[api.ID], OWN_VIF_TYPE, details, status=ACTIVE)
                return
            if self._on_infiniband(context):
                self._decline(context, reason)

    def try_to_bind_segment_for_agent(self, context: Any, segment: Any, agent: Any) -> bool:
        port_id, request = context.current["id"], port_context.request(context, segment)
        adapters = agent_report.adapters(agent["configurations"])
        taken = tables.taken_vfs(context.plugin_context, context.host, port_id)
        reason = why_not(request, adapters, taken, self.settings)
        reason = reason or full_tables.why_no_place(
            context.plugin_context, request, adapters, port_id, is_own=False
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

    def create_network_precommit(self, context: Any) -> None:
        self._require_quota(context)

    def create_network_postcommit(self, context: Any) -> None:
        # Another one may have been made at the same moment.  Neutron takes back what fails here.
        self._require_quota(context)

    def _require_quota(self, context: Any) -> None:
        network = context.current
        keyed = [one for one in context.network_segments if one[api.NETWORK_TYPE] != FLAT]
        names = frozenset(filter(None, (one[api.PHYSICAL_NETWORK] for one in keyed)))
        plugin_context = context.plugin_context
        if network.get("project_id") and names & self._infiniband(plugin_context):
            project_quota.require(plugin_context, network["project_id"])

    def create_port_precommit(self, context: Any) -> None:
        self._keep_client_id(context)
        self._refuse_what_is_anothers(context, mac=True)
        _refuse_full_host(context)

    def update_port_precommit(self, context: Any) -> None:
        self._keep_client_id(context)
        if port_context.changed(context, *_NAMES_OF_A_GUEST):
            self._refuse_what_is_anothers(context, mac=_renamed(context))
        before, after = port_context.standing_before(context), port_context.standing_now(context)
        if after.belongs and not before.belongs:
            _reserve_table_entry(context)
        elif not after.belongs and port_context.changed(context, *_PLACE_OF_A_GUEST):
            # Not where a live migration ends: its guest runs there already.
            _refuse_full_host(context)
        if after.ours and after != before:
            self._add_provisioning_blocks(context)
        elif before.ours and not after.ours:
            self._let_go(context)

    def _refuse_what_is_anothers(self, context: Any, *, mac: bool) -> None:
        """Refuse (HTTP 409) what the port may not have on InfiniBand; *mac*: its MAC is new."""
        fabrics, port = port_context.physical_networks(context), context.current
        if not self._on_infiniband(context):
            return
        if mac and port_context.is_direct(port):
            conflicts.refuse_mac(context.plugin_context, port, fabrics)
        # Of ports of any kind: one that nobody boots could hold the name of one that somebody does.
        if context.original is None or port_context.changed(context, "extra_dhcp_opts"):
            _require_known_client_ids(port)
        look = context.plugin_context
        if context.original is not None:
            # Of two that change at once, and of one that changes while another is made, the second
            # one sees the first; two that are made at once see each other after they were.
            look = alone(look, tables.segments_of(port["network_id"]))
        conflicts.refuse_client_ids(look, port)

    def _keep_client_id(self, context: Any) -> None:
        port = context.current
        if not port_context.is_direct(port):
            return
        if context.vif_type == VIF_TYPE or (
            _wants_client_id_anew(context) and self._on_infiniband(context)
        ):
            former = context.original["mac_address"] if context.original else None
            dhcp_options.keep_client_id(
                context.plugin_context, port, former, self.settings.client_id_form
            )

    def _on_infiniband(self, context: Any) -> bool:
        """Tell whether the port's network is InfiniBand."""
        names = port_context.physical_networks(context)
        return bool(names and names & self._infiniband(context.plugin_context))

    def _infiniband(self, context: Any) -> frozenset[str]:
        """Return the InfiniBand physical networks: what the operator lists, or fabricd serves."""
        return self.settings.physical_networks or tables.served_by_fabricd(context)

    def _add_provisioning_blocks(self, context: Any) -> None:
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
        if self._on_infiniband(context):
            # One that has its client-id may have been made or changed at the same moment.  Neutron
            # takes back what fails here.
            rows = tables.segments_of(context.current["network_id"])
            with after_those_alone(context.plugin_context, rows):
                conflicts.refuse_client_ids(context.plugin_context, context.current)
        self._hint(context, None, port_context.standing_now(context))

    def update_port_postcommit(self, context: Any) -> None:
        lost = context.original_status == ACTIVE and context.status != ACTIVE
        before, after = port_context.standing_before(context), port_context.standing_now(context)
        if hints.is_bound_anew(before, after):
            return
        self._hint(context, self._before(context, before, after), after, lost_active=lost)

    def delete_port_postcommit(self, context: Any) -> None:
        self._hint(context, self._before(context, port_context.standing_now(context), None), None)

    def _before(
        self, context: Any, before: PortSnapshot, after: PortSnapshot | None
    ) -> PortSnapshot:
        """Return *before*, as ours where it was so a moment before that, for all that is known."""
        was = hints.as_it_was(before, after)
        if before in (was, after):
            return before
        return was if self._on_infiniband(context) else before

    def _hint(
        self,
        context: Any,
        before: PortSnapshot | None,
        after: PortSnapshot | None,
        *,
        lost_active: bool = False,
    ) -> None:
        whom = hints.recipients(before, after, lost_active=lost_active)
        for host in whom.hosts:
            self.hints.port_hint(host, context.current["id"])
        if whom.fabric:
            for physical_network in sorted(port_context.physical_networks(context)):
                self.hints.fabric_hint(physical_network)


def _refuse_full_host(context: Any) -> None:
    """Refuse (HTTP 409) a guest's port on a host that has no place for its network."""
    if context.host and port_context.is_direct(context.current):
        segments = context.network.network_segments
        requests = [port_context.request(context, segment) for segment in segments]
        full_tables.refuse(context.plugin_context, requests, context.current["id"])


def _reserve_table_entry(context: Any) -> None:
    """Refuse (HTTP 409) a port that was bound where another has taken the last place since."""
    segment = context.bottom_bound_segment
    if segment is not None:
        full_tables.reserve_entry(
            context.plugin_context,
            port_context.request(context, segment),
            context.current["id"],
            is_own=port_context.is_plugged_by_its_host(context.current),
        )


def _require_known_client_ids(port: dict[str, Any]) -> None:
    try:
        dhcp_options.require_known_client_ids(port.get("extra_dhcp_opts") or ())
    except BadValue as error:
        raise UnknownClientId(port_id=port["id"], why=str(error)) from error


def _renamed(context: Any) -> bool:
    return port_context.changed(context, "mac_address", portbindings.VNIC_TYPE)


def _wants_client_id_anew(context: Any) -> bool:
    """Tell whether it is worth asking what network the port is on: statuses change often."""
    return context.original is None or port_context.changed(context, *_NAMES_OF_A_GUEST)


def _fabricd_alive(context: Any, physical_network: str) -> bool:
    agents = directory.get_plugin().get_agents(
        context.plugin_context, filters={"agent_type": [PARTITION_AGENT]}
    )
    return any(
        bool(agent["alive"])
        and physical_network in (agent["configurations"].get("physical_networks") or ())
        for agent in agents
    )

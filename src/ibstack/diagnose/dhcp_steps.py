# SPDX-License-Identifier: Apache-2.0
"""The steps of a port's way that lie at DHCP, and what Neutron makes of all of them.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.diagnose.cloud_facts import AGENT, DHCP_AGENT, own_adapters
from ibstack.diagnose.finding import Facts, Finding, not_known, not_needed, right, waits, wrong
from ibstack.diagnose.neutron_steps import entry_of, guid_of, port_of
from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import ClientIdForm, client_id, parse_client_id
from ibstack.fabric.partition import TableEntry

if TYPE_CHECKING:
    from ibstack.diagnose.host_facts import DhcpFacts

_NO_DHCP: Final = "no subnet of its addresses has DHCP"
_AGENTS: Final = "Neutron API, DHCP agents of the network"


def wants_dhcp(facts: Facts) -> bool:
    port, network = port_of(facts)
    return any(subnet in network.dhcp_subnets for subnet in port.subnets)


def agent_serves(facts: Facts) -> Finding:
    if not wants_dhcp(facts):
        return not_needed(_NO_DHCP, "Neutron API, subnets")
    hosts = facts.cloud.dhcp_hosts
    name = port_of(facts)[1].name
    if not hosts:
        return wrong(
            "none",
            _AGENTS,
            f"no DHCP agent serves network {name}",
            f"start {DHCP_AGENT} on a host with an adapter, or run `openstack network agent add"
            " network --dhcp AGENT NETWORK`",
        )
    agents = [facts.cloud.agent(DHCP_AGENT, host) for host in hosts]
    if not any(agent and agent.alive for agent in agents):
        return wrong(
            f"{', '.join(hosts)}: not alive",
            _AGENTS,
            f"the DHCP agent of network {name}, on {', '.join(hosts)}, does not report to Neutron"
            " any more",
            f"run `systemctl status {DHCP_AGENT}` on {hosts[0]}",
        )
    return right(f"alive on {', '.join(hosts)}", _AGENTS)


def host_is_member(facts: Facts) -> Finding:
    if not wants_dhcp(facts):
        return not_needed(_NO_DHCP, "Neutron API, subnets")
    source, fabric = "P_Key tables of the DHCP hosts' adapters", facts.fabric
    if fabric is None or fabric.unread:
        return not_known(fabric.unread if fabric else facts.why_missing("fabric"), source)
    wanted, unknown, without = entry_of(facts).partition, list[str](), list[str]()
    for host in facts.cloud.dhcp_hosts:
        guids = own_adapters(facts.cloud, host)
        seen = [port for guid in guids if (port := fabric.port(guid))]
        if not seen or all(port.table is None for port in seen):
            unknown.append(host)
        elif any(TableEntry(wanted, full_member=True).to_wire() in (p.table or ()) for p in seen):
            return right(f"{host} is a full member of {wanted}", source)
        else:
            without.append(host)
    if unknown or not without:
        return not_known(f"no adapter of {', '.join(unknown) or 'any'} can be read", source)
    return wrong(
        f"{', '.join(without)} is no full member of {wanted}",
        source,
        f"the host that serves DHCP, {', '.join(without)}, is no full member of {wanted}",
        f"see whether {AGENT} runs there and the network's DHCP port is bound: `openstack port"
        " list --device-owner network:dhcp --long`",
    )


def right_client_id(facts: Facts) -> Finding:
    if not wants_dhcp(facts):
        return not_needed(_NO_DHCP, "Neutron API, subnets")
    port, _ = port_of(facts)
    source, guid = "Neutron API, extra_dhcp_opts of the port", guid_of(facts)
    usual = client_id(guid, ClientIdForm.HARDWARE_TYPE)
    remedy = (
        f"run `openstack port set --extra-dhcp-option name=client-id,value={usual},ip-version=4"
        f" {port.id}`"
    )
    if port.client_id is None:
        return wrong(
            "none",
            source,
            "the port has no client-id, and guests on InfiniBand ask with nothing else",
            remedy,
        )
    try:
        _, named = parse_client_id(port.client_id)
    except BadValue as error:
        return wrong(
            port.client_id,
            source,
            f"the port's client-id {port.client_id} is none that InfiniBand guests send:"
            f" {error.why}",
            remedy,
        )
    if named != guid:
        return wrong(
            port.client_id,
            source,
            f"the port's client-id is of GUID {named}, and its guest asks with {guid}",
            remedy,
        )
    return right(port.client_id, source)


def dnsmasq_knows(facts: Facts) -> Finding:
    if not wants_dhcp(facts):
        return not_needed(_NO_DHCP, "Neutron API, subnets")
    if not facts.dhcp:
        return not_known(facts.why_missing("dhcp"), "hosts file of dnsmasq")
    port, network = port_of(facts)
    for place in facts.dhcp:
        source = f"{place.host}: {place.path}/host"
        if not place.served or not place.known:
            continue
        if port.client_id and (place.client_id or "").lower() != port.client_id.lower():
            return wrong(
                f"client-id {place.client_id}",
                source,
                f"dnsmasq on {place.host} knows the port by client-id {place.client_id}, and"
                f" Neutron by {port.client_id}",
                f"run `systemctl restart {DHCP_AGENT}` on {place.host}",
            )
        return right(f"{place.address} for {place.client_id}", source)
    where = facts.dhcp[0]
    what = "has nothing of network" if not where.served else "does not know the port in network"
    return wrong(
        f"{what} {network.name}",
        f"{where.host}: {where.path}",
        f"the DHCP agent on {where.host} {what} {network.name}",
        f"look into the log of {DHCP_AGENT} on {where.host}",
    )


def is_active(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    source = "Neutron API, port"
    if port.status == "ACTIVE":
        return right("ACTIVE", source)
    return waits(
        port.status,
        source,
        f"Neutron has the port as {port.status}, and waits for a provisioning entity: of the host,"
        " the fabric or the DHCP agent",
        f"the log of {AGENT} on {port.host} names it after 30 s (`cannot make port {port.id}"
        " ACTIVE`)",
    )


def has_a_lease(facts: Facts) -> Finding:
    if not wants_dhcp(facts):
        return not_needed(_NO_DHCP, "Neutron API, subnets")
    if not facts.dhcp:
        return not_known(facts.why_missing("dhcp"), "leases of dnsmasq")
    leased = next((place for place in facts.dhcp if place.lease), None)
    if leased is not None:
        return right(f"{leased.lease}", f"{leased.host}: {leased.path}/leases")
    return _no_lease(facts, facts.dhcp[0])


def _no_lease(facts: Facts, place: DhcpFacts) -> Finding:
    asked = f"; leases there are for {', '.join(place.unmatched)}" if place.unmatched else ""
    return wrong(
        "none",
        f"{place.host}: {place.path}/leases",
        f"no guest has asked for the address with client-id {place.client_id}{asked}",
        "see that the guest runs and configures ib0 by DHCP; `ibstack dhcp watch` on"
        f" {place.host} names a guest that asks with another client-id",
    )

# SPDX-License-Identifier: Apache-2.0
"""The lab as `ibstack verify` looks at a site: its hosts' files, its fabric, Neutron's agents.

The lab's hosts have no kernel, systemd or PCI bus of their own, so what these would say of a host
is not known there.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from keystoneauth1.exceptions import ClientException

from ibstack.fabric.errors import IbstackError
from ibstack.facts import evidence
from ibstack.facts.cloud.agents import agents_of
from ibstack.facts.cloud.roles import roles_of
from ibstack.facts.evidence import Evidence, Missing
from ibstack.facts.fabric.observed import read_fabric
from ibstack.facts.site import Site
from ibstack.facts.this_host import FILES, read_host
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.services.accounts import OPERATOR, session

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.site import Agent, RoleAssignment
    from ibstack_lab.cloud import Cloud

CONTROLLER: Final = "controller"
_NO_HARDWARE: Final = "the lab's hosts have none of their own"
_SILICON: Final = (
    *(evidence.CMDLINE, evidence.IOMMUS, evidence.DMESG, evidence.LSPCI, evidence.IBSTAT),
    *(evidence.SYSTEMCTL, evidence.TIMEDATECTL),
)


def read_lab(cloud: Cloud) -> Site:
    """Return what the lab shows now; what is not there is not known, and says why."""
    hosts = {host.name: _host(cloud, host.name) for host in cloud.topology.hosts}
    hosts[CONTROLLER] = _controller(cloud)
    return Site(hosts, _fabric(cloud), _agents(cloud), _roles(cloud))


def _host(cloud: Cloud, name: str) -> Evidence:
    etc = cloud.lab.host(name) / "etc"
    places: dict[str, Path] = {
        evidence.ESWITCHD_CONF: etc / "eswitchd.conf",
        evidence.FABRICD_CONF: etc / "fabricd.conf",
        evidence.DHCP_AGENT: etc / "dhcp_agent.conf",
        evidence.OPENSM_CONF: cloud.fabric.partitions_conf(name).with_name("opensm.conf"),
        evidence.PARTITIONS_CONF: cloud.fabric.partitions_conf(name),
        evidence.SA_DUMP: cloud.fabric.sa_dump(name),
    }
    host = read_host(cloud.lab.host(name), name, places=places, commands={})
    texts = {**host.texts, **{each: Missing(_NO_HARDWARE) for each in _SILICON}}
    if host.has(evidence.ESWITCHD_CONF):
        texts[evidence.HOST_SHOW] = _shown(cloud, name)
    return replace(host, texts=texts)


def _shown(cloud: Cloud, name: str) -> str:
    """Return what `ibstack host show -f json` would say there of adapters, or complain of."""
    try:
        observed = EswitchClient(eswitchd_socket(cloud.lab, name)).read()
    except IbstackError as error:
        return f"ibstack: {error}\n"
    return json.dumps(
        [
            {"physical_network": each.physical_network, "interface": each.interface}
            for each in observed.adapters
        ]
    )


def _controller(cloud: Cloud) -> Evidence:
    """Return the host of Neutron's server: one file holds both of its files' settings."""
    here = read_host(cloud.lab.root / "nowhere", CONTROLLER, commands={})
    texts: dict[str, str | Missing] = dict.fromkeys(FILES, Missing("there is none", absent=True))
    texts |= {each: Missing(_NO_HARDWARE) for each in _SILICON}
    settings = cloud.lab.service("neutron") / "neutron.conf"
    try:
        texts[evidence.NEUTRON_CONF] = settings.read_text()
    except OSError as error:
        texts[evidence.NEUTRON_CONF] = Missing(f"{settings}: {error.strerror}")
    texts[evidence.PIP_FREEZE] = here.text(evidence.PIP_FREEZE)
    return Evidence(CONTROLLER, texts)


def _fabric(cloud: Cloud) -> ObservedFabric | Missing:
    try:
        with closing(Attachment(cloud.fabric, cloud.topology.hosts[0].name)) as attachment:
            return read_fabric(FabricReader(attachment))
    except IbstackError as error:
        return Missing(str(error))


def _agents(cloud: Cloud) -> tuple[Agent, ...] | Missing:
    try:
        return agents_of(cloud.api(OPERATOR).list("agents"), "what Neutron says of its agents")
    except IbstackError as error:
        return Missing(str(error))


def _roles(cloud: Cloud) -> tuple[RoleAssignment, ...] | Missing:
    services = cloud.services()
    keystone = services.keystone.auth_url
    signed_in = session(OPERATOR, keystone, services.password)
    try:
        answer = signed_in.get(f"{keystone}/role_assignments?include_names&effective").json()
        return roles_of(answer["role_assignments"], "what Keystone says of roles")
    except (IbstackError, ClientException, OSError) as error:
        return Missing(str(error))


__all__ = ["CONTROLLER", "read_lab"]

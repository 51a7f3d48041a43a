# SPDX-License-Identifier: Apache-2.0
"""Print as JSON the options that ibstack, Neutron, nova and oslo list themselves.

A program of its own, since Neutron settles for a process how it runs.  `own`: of each program of
ibstack, pairs of section and key; `files`: of each file, what its readers have, with the names of
former releases.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import neutron.opts
import nova.conf
from oslo_log import _options as log
from oslo_messaging import opts as messaging

from ibstack.formats import eswitchd_conf
from ibstack.host.agent.options import list_agent_options
from ibstack.neutron.agents.interface_options import list_interface_options
from ibstack.neutron.server.options import list_driver_options
from ibstack.subnet_manager.fabricd.options import list_fabricd_options

if TYPE_CHECKING:
    from collections.abc import Iterable

Options = list[tuple[Any, list[Any]]]


def main() -> None:
    broker = [*messaging.list_opts(), *log.list_opts()]
    agents = neutron.opts.list_base_agent_opts()
    servers = [*neutron.opts.list_opts(), *agents]
    files: dict[str, Options] = {
        "/etc/neutron/neutron.conf": [*servers, *broker],
        "/etc/kolla/neutron-server/neutron.conf": [*servers, *broker],
        "/etc/neutron/plugins/ml2/ml2_conf.ini": [*neutron.opts.list_ml2_conf_opts(), *servers],
        "/etc/neutron/plugins/ml2/openvswitch_agent.ini": [*neutron.opts.list_ovs_opts(), *broker],
        "/etc/neutron/dhcp_agent.ini": [*neutron.opts.list_dhcp_agent_opts(), *agents],
        "/etc/neutron/l3_agent.ini": [*neutron.opts.list_l3_agent_opts(), *agents],
        "/etc/nova/nova.conf": [*_registered(nova.conf.CONF), *broker],
        "/etc/ibstack/agent.conf": broker,
        "/etc/ibstack/fabricd.conf": broker,
    }
    eswitchd = [("eswitchd", key) for key in eswitchd_conf.OWN_KEYS]
    own = {
        "ibstack-agent": _pairs(list_agent_options()),
        "ibstack-fabricd": _pairs(list_fabricd_options()),
        "neutron-server": _pairs(list_driver_options()),
        "neutron-dhcp-agent": _pairs(list_interface_options()),
        "neutron-l3-agent": _pairs(list_interface_options()),
        "ibstack-eswitchd": sorted({*eswitchd, *eswitchd_conf.MAPPING_KEYS}),
    }
    found = {file: _pairs(options, former=True) for file, options in files.items()}
    print(json.dumps({"own": own, "files": found}))


def _registered(conf: Any) -> Options:
    """Return what is registered with *conf*, for programs that list nothing."""
    groups = [*conf._groups.items(), (None, conf)]
    return [(name, [each["opt"] for each in group._opts.values()]) for name, group in groups]


def _pairs(
    lists: Iterable[tuple[Any, Iterable[Any]]], *, former: bool = False
) -> list[tuple[str, str]]:
    found = set()
    for group, options in lists:
        section = str(getattr(group, "name", group) or "DEFAULT")
        # A file's sections are told apart without regard to case; Neutron's QUOTAS has capitals.
        section = section if section == "DEFAULT" else section.lower()
        for option in options:
            found.add((section, option.dest))
            if former:
                found |= {(section, each.name) for each in option.deprecated_opts if each.name}
    return sorted(found)


if __name__ == "__main__":
    main()

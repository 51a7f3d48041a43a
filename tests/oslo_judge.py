# SPDX-License-Identifier: Apache-2.0
"""Judge ini files by the options that Neutron, nova and ibstack define: a program of its own, since
Neutron settles for a process how it runs.

`python oslo_judge.py FILE...` prints as JSON, for each file, what is unknown or bad in it, and for
a nova.conf also the tags that nova makes of its device specifications.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import neutron.opts
import nova.conf.pci
from nova.pci.devspec import PciDeviceSpec
from oslo_config import cfg

from ibstack.formats.ini import IniText
from ibstack.host.agent.options import list_agent_options
from ibstack.neutron.agents.interface_options import list_interface_options
from ibstack.neutron.server.options import list_driver_options
from ibstack.subnet_manager.fabricd.options import list_fabricd_options

if TYPE_CHECKING:
    from collections.abc import Callable

OPTIONS: dict[str, tuple[Callable[[], Any], ...]] = {
    "ml2_conf.ini": (
        neutron.opts.list_opts,
        neutron.opts.list_ml2_conf_opts,
        list_driver_options,
    ),
    "openvswitch_agent.ini": (neutron.opts.list_ovs_opts,),
    "dhcp_agent.ini": (
        neutron.opts.list_dhcp_agent_opts,
        neutron.opts.list_base_agent_opts,
        list_interface_options,
    ),
    "l3_agent.ini": (
        neutron.opts.list_l3_agent_opts,
        neutron.opts.list_base_agent_opts,
        list_interface_options,
    ),
    "nova.conf": (lambda: [("pci", nova.conf.pci.pci_opts)],),
    "agent.conf": (list_agent_options,),
    "fabricd.conf": (list_fabricd_options,),
}


def judged(file: Path) -> dict[str, list[Any]]:
    """Read the file by oslo.config, and every option in it."""
    conf = cfg.ConfigOpts()
    names: dict[tuple[str, str], str] = {}
    for each in OPTIONS[file.name]:
        for group, options in each():
            known = list(options)
            conf.register_opts(known, group=None if group == "DEFAULT" else group)
            # Former names are read as well: tenant_network_types of Neutron 26.
            names |= {(group, old.name): opt.dest for opt in known for old in opt.deprecated_opts}
    conf(["--config-file", str(file)])
    said = []
    for section, key in list(IniText(file.read_bytes()).keys()):
        try:
            name = names.get((section, key), key)
            getattr(conf if section == "DEFAULT" else conf[section], name)
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
            said.append(f"[{section}]{key}: unknown")
        except cfg.ConfigFileValueError as error:
            said.append(f"[{section}]{key}: {error}")
    devices = conf.pci.device_spec if file.name == "nova.conf" else []
    tags = [PciDeviceSpec(json.loads(each)).get_tags() for each in devices]
    return {"complaints": said, "tags": tags}


if __name__ == "__main__":
    print(json.dumps({path: judged(Path(path)) for path in sys.argv[1:]}))

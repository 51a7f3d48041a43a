# SPDX-License-Identifier: Apache-2.0
"""Which files lint knows, wherever a deployment keeps them, and which programs read each.

Sources: Neutron's and nova's packages; networking-mlnx 21.0.0; kolla-ansible (roles/neutron and
roles/nova: `/etc/kolla/SERVICE/FILE` of a host is copied into the container of that service);
TripleO, whose containers are given `/var/lib/config-data/puppet-generated/SERVICE/etc/…`.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from ibstack.cluster.config.render.node_groups import GENDERS_PATH
from ibstack.formats.host_paths import folders
from ibstack.formats.modprobe_options import BELOW as MODPROBE
from ibstack.formats.vf_requests import PLACES


class Reader(enum.Enum):
    """A program that reads ini files, by the name under which docs know it."""

    SERVER = "neutron-server"
    DHCP_AGENT = "neutron-dhcp-agent"
    L3_AGENT = "neutron-l3-agent"
    BRIDGE_AGENT = "neutron-linuxbridge-agent"
    OVS_AGENT = "neutron-openvswitch-agent"
    MLNX_AGENT = "neutron-mlnx-agent"
    MLNX_ESWITCHD = "eswitchd"
    NOVA = "nova"
    AGENT = "ibstack-agent"
    FABRICD = "ibstack-fabricd"
    ESWITCHD = "ibstack-eswitchd"


EVERY_READER: Final = frozenset(Reader)
_BESIDE_NEUTRON: Final = EVERY_READER - {Reader.NOVA, Reader.MLNX_ESWITCHD, Reader.ESWITCHD}
_OURS: Final = {
    "/etc/ibstack/agent.conf": frozenset({Reader.AGENT}),
    "/etc/ibstack/fabricd.conf": frozenset({Reader.FABRICD}),
    "/etc/ibstack/eswitchd.conf": frozenset({Reader.ESWITCHD}),
}
_BRIDGE: Final = frozenset({Reader.BRIDGE_AGENT})
_OVS: Final = frozenset({Reader.OVS_AGENT})
# ibstack's daemons may be given the former files: docs/how-to/upgrade-from-networking-mlnx.md.
_MLNX: Final = frozenset({Reader.MLNX_AGENT, Reader.AGENT, Reader.ESWITCHD})
_NOVA: Final = frozenset({Reader.NOVA})
_BY_NAME: Final[dict[str, frozenset[Reader]]] = {
    "neutron.conf": _BESIDE_NEUTRON,
    "ml2_conf.ini": frozenset({Reader.SERVER, Reader.MLNX_AGENT, Reader.AGENT}),
    "plugin.ini": frozenset({Reader.SERVER}),
    "dhcp_agent.ini": frozenset({Reader.DHCP_AGENT}),
    "l3_agent.ini": frozenset({Reader.L3_AGENT}),
    "linuxbridge_conf.ini": _BRIDGE,
    "linuxbridge_agent.ini": _BRIDGE,
    "openvswitch_agent.ini": _OVS,
    "mlnx_conf.ini": _MLNX,
    "mlnx_agent.ini": _MLNX,
    "eswitchd.conf": frozenset({Reader.MLNX_ESWITCHD, Reader.ESWITCHD}),
    "nova.conf": _NOVA,
    "nova-compute.conf": _NOVA,
}
_INI: Final = re.compile(r"/etc/(?:neutron|nova|eswitchd|ibstack)/.*\.(?:ini|conf)")
_NOT_INI: Final = re.compile(r".*/dnsmasq[^/]*\.conf")
# The files of other services there are of many kinds; in /etc/kolla/config lies what all are made
# of, each file a part of one.
_KOLLA: Final = re.compile(r"/etc/kolla/(?:neutron|nova)[-_][^/]+/([^/]+)")
_PUPPET: Final = re.compile(r"/var/lib/config-data/puppet-generated/[^/]+(/etc/.*)")
_OTHERS: Final = re.compile(
    r"/etc/(?:opensm|rdma)/(?:opensm\.conf(?:\.[0-9]+)?|partitions\.conf)"
    r"|/cm/local/apps/cmd/etc/cmd\.conf|.*\.cmsh"
)
_OTHER_FILES: Final = (GENDERS_PATH, "/proc/cmdline")
_OTHER_FOLDERS: Final = (
    *(f"{folder}/" for folder in folders(MODPROBE)),
    *("/etc/systemd/", "/etc/clustershell/"),
    *PLACES,
)
FOLDERS: Final = ("etc", "cm", "var/lib/config-data/puppet-generated")
"""What is collected of a host, below its folder."""


def is_ini(path: str) -> bool:
    """Return whether the file at *path* of a host is read as an ini file by one of the readers."""
    kolla = _KOLLA.fullmatch(path)
    if kolla:
        return kolla[1] in _BY_NAME
    path = _in_a_container(path)
    return bool(_INI.fullmatch(path)) and not _NOT_INI.fullmatch(path)


def is_known(path: str) -> bool:
    """Return whether a check may look at the file at *path* of a host."""
    here = _in_a_container(path)
    return (
        is_ini(path)
        or here in _OTHER_FILES
        or here.startswith(_OTHER_FOLDERS)
        or any(each.fullmatch(here) for each in (_INI, _OTHERS))
    )


def readers(path: str) -> frozenset[Reader]:
    """Return who reads an ini file; of one that is not known by name, everybody may."""
    path = _in_a_container(path)
    return _OURS.get(path) or _BY_NAME.get(path.rpartition("/")[2], EVERY_READER)


def _in_a_container(path: str) -> str:
    found = _PUPPET.fullmatch(path)
    return found[1] if found else path

# SPDX-License-Identifier: Apache-2.0
"""Which files lint knows, wherever a deployment keeps them; which programs read what of each.

Sources: Neutron's and nova's packages; networking-mlnx 21.0.0; kolla-ansible (roles/neutron and
roles/nova: `/etc/kolla/SERVICE/FILE` of a host is copied into the container of that service);
TripleO, whose containers are given `/var/lib/config-data/puppet-generated/SERVICE/etc/…`.

Of ibstack's options all are known, which tests/cluster/lint/test_known_options.py holds this page
to: a cluster's machine need not have oslo.config, nor what the daemons import.  Of others' options
those are known that lint is about.
"""

from __future__ import annotations

import enum
import re
from functools import cache
from typing import Final

from ibstack.cluster.config.render.node_groups import GENDERS_PATH
from ibstack.formats.eswitchd_conf import MAPPING_KEYS, OWN_KEYS
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


Option = tuple[str, str]
"""Section, in lower case but for DEFAULT, and key."""

_METRICS: Final[dict[str, tuple[str, ...]]] = {"metrics": ("address", "port")}

_DRIVER: Final[dict[str, tuple[str, ...]]] = {
    "infiniband": (
        *("accept_unsigned_reports", "answer_key_file", "client_id_form", "network_types"),
        *("owned_keys", "physical_networks"),
    ),
    "quotas": ("quota_infiniband_network",),
}
_INTERFACE_DRIVERS: Final[dict[str, tuple[str, ...]]] = {
    "ipoib": (
        *("mode", "ordinary_interface_driver", "physical_interface_mappings", "pkey_wait_s"),
        "sysfs",
    )
}
OWN: Final[dict[Reader, dict[str, tuple[str, ...]]]] = {
    Reader.SERVER: _DRIVER,
    Reader.DHCP_AGENT: _INTERFACE_DRIVERS,
    Reader.L3_AGENT: _INTERFACE_DRIVERS,
    Reader.AGENT: {
        "DEFAULT": ("host",),
        "agent": ("report_interval", "resync_interval", "rpc_timeout"),
        "eswitch": ("socket",),
        **_METRICS,
    },
    Reader.FABRICD: {
        "DEFAULT": ("host",),
        "fabric": (
            *("answer_key_file", "audit_interval", "ca", "full_default_members", "host_guids"),
            *("m_key", "max_removed_share"),
            *("opensm_pid_file", "owned_keys", "partitions_conf", "physical_network"),
            *("poll_interval", "port", "reload_command", "removal_grace_s", "report_interval"),
            *("rpc_timeout", "sa_dump", "serves_vports", "site_partitions", "state_path"),
        ),
        **_METRICS,
    },
    Reader.ESWITCHD: {
        **{section: (key,) for section, key in MAPPING_KEYS},
        "eswitchd": OWN_KEYS,
    },
}
"""Every option of ibstack, by section."""
_WHOLE: Final = frozenset({"eswitchd", "fabric", "infiniband", "ipoib"})
"""The sections that no other program has, so that what is unknown there is read by nobody."""

_MAPPED: Final = ("physical_interface_mappings", "network_vlan_ranges")
_TUNNELS: Final = ("l2_population", "local_ip", "tunnel_types")
_SECURITY: Final = ("enable_security_group", "firewall_driver")
_PLUGGING: Final = ("interface_driver", "ordinary_interface_driver")
_OF_OTHERS: Final[dict[Reader, tuple[str, ...]]] = {
    Reader.SERVER: (
        *("flat_networks", "global_physnet_mtu", "mechanism_drivers", "network_vlan_ranges"),
        *("path_mtu", "physical_network_mtus", "project_network_types", "tenant_network_types"),
        *("type_drivers", "vni_ranges", "vxlan_group", *_SECURITY),
    ),
    Reader.DHCP_AGENT: (
        *("dhcp_driver", "dnsmasq_config_file", "enable_isolated_metadata", *_PLUGGING),
    ),
    Reader.L3_AGENT: _PLUGGING,
    Reader.BRIDGE_AGENT: ("bridge_mappings", "enable_vxlan", "vxlan_group", *_MAPPED, *_TUNNELS),
    Reader.OVS_AGENT: ("bridge_mappings", *_TUNNELS, *_SECURITY),
    Reader.MLNX_AGENT: (
        *("allow_both_pkeys", "apply_profile_patch", "daemon_endpoint", "physical_network_type"),
        *("physical_network_type_mappings", "polling_interval", "rpc_support_old_agents"),
        *("tenant_network_type", "vnic_type", *_MAPPED),
    ),
    Reader.MLNX_ESWITCHD: (
        *("fabrics", "physical_interface_mappings", "socket_of_port", "socket_os_port"),
    ),
    Reader.NOVA: ("device_spec", "vif_driver"),
}


@cache
def options_of(path: str) -> frozenset[Option]:
    """Return ibstack's options among those that are read from the file at *path*."""
    return frozenset(
        (section, key)
        for reader in readers(path)
        for section, keys in OWN.get(reader, {}).items()
        for key in keys
    )


@cache
def names(path: str) -> frozenset[str]:
    """Return the keys that are read from the file at *path*, by whomever."""
    others = frozenset(name for each in readers(path) for name in _OF_OTHERS.get(each, ()))
    return others | {key for _, key in options_of(path)}


@cache
def all_of_section(path: str, section: str) -> tuple[str, ...]:
    """Return all keys of a section that ibstack alone has; none: others may have keys there."""
    return tuple(sorted(key for of, key in options_of(path) if of == section in _WHOLE))

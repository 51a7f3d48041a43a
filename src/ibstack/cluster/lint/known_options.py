# SPDX-License-Identifier: Apache-2.0
"""Which options each program reads: all of ibstack's, and of others those that lint is about.

ibstack's are those of its options modules, which tests/cluster/lint/test_known_options.py holds
this page to: a cluster's machine need not have oslo.config, nor what the daemons import.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from ibstack.cluster.lint.known_files import Reader, readers
from ibstack.formats.eswitchd_conf import MAPPING_KEYS, OWN_KEYS

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
_OTHERS: Final[dict[Reader, tuple[str, ...]]] = {
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
    others = frozenset(name for each in readers(path) for name in _OTHERS.get(each, ()))
    return others | {key for _, key in options_of(path)}


@cache
def all_of_section(path: str, section: str) -> tuple[str, ...]:
    """Return all keys of a section that ibstack alone has; none: others may have keys there."""
    return tuple(sorted(key for of, key in options_of(path) if of == section in _WHOLE))

# SPDX-License-Identifier: Apache-2.0
"""The settings of nova's services and of placement, as on a real site but for their paths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack_lab.binding_profile import VF_IDS
from ibstack_lab.services.accounts import REGION
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.adapter import AdapterKind
    from ibstack_lab.services.accounts import Account

_CREDENTIALS: Final = """\
auth_type = password
auth_url = {auth_url}
username = {user}
password = {password}
project_name = {project}
user_domain_id = default
project_domain_id = default
region_name = {region}
"""
_TOKENS: Final = """\
[keystone_authtoken]
{credentials}www_authenticate_uri = {auth_url}
# The catalogue has public endpoints alone.
interface = public
service_token_roles = service
service_token_roles_required = true
"""
_NOVA: Final = """\
[DEFAULT]
transport_url = {transport_url}
state_path = {state}
use_stderr = true
concurrency_backend = threading
my_ip = 127.0.0.1
report_interval = 5
service_down_time = 20
# Else the first look for new hosts comes up to a minute late.
periodic_fuzzy_delay = 0
# Of 34's new default, 160 s, nobody waits for the end of a lab.
manager_shutdown_timeout = 2
graceful_shutdown_timeout = 2
{more}[api]
auth_strategy = keystone
{tokens}[service_user]
send_service_user_token = true
{credentials}[placement]
valid_interfaces = public
{credentials}[neutron]
valid_interfaces = public
service_metadata_proxy = false
{credentials}[glance]
valid_interfaces = public
region_name = {region}
[oslo_concurrency]
lock_path = {state}/lock
[oslo_messaging_rabbit]
# The broker starts at the same time: look for it often.
rabbit_interval_max = 1
"""
_CONTROLLER: Final = """\
[database]
connection = {nova}
[api_database]
connection = {nova_api}
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[conductor]
workers = 1
[filter_scheduler]
enabled_filters = ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,PciPassthroughFilter
[quota]
driver = nova.quota.NoopQuotaDriver
"""
# nova-compute's file has no database: it would try to use it.
_HOST: Final = """\
host = {host}
compute_driver = libvirt.LibvirtDriver
instances_path = {instances}
force_raw_images = false
reserved_host_memory_mb = 0
shutdown_timeout = 5
update_resources_interval = 10
vif_plugging_timeout = 60
"""
_HYPERVISOR: Final = """\
[libvirt]
virt_type = qemu
cpu_mode = none
images_type = raw
inject_partition = -2
live_migration_uri = qemu+tcp://%s/system
[vnc]
enabled = false
[spice]
enabled = false
[pci]
device_spec = {device_spec}
"""
_PLACEMENT: Final = """\
[DEFAULT]
use_stderr = true
[placement_database]
connection = {database}
[api]
auth_strategy = keystone
{tokens}"""


@dataclass(frozen=True, slots=True)
class CommonSettings:
    """What the settings of all services have in common."""

    auth_url: str
    password: str
    transport_url: str

    def credentials(self, of: Account) -> str:
        return _CREDENTIALS.format(
            auth_url=self.auth_url,
            user=of.name,
            password=self.password,
            project=of.project,
            region=REGION,
        )

    def tokens(self, of: Account) -> str:
        """Return the section by which a service asks Keystone who somebody is."""
        return _TOKENS.format(credentials=self.credentials(of), auth_url=self.auth_url)


def nova_controller(
    common: CommonSettings, nova: Account, state: Path, databases: dict[str, str]
) -> str:
    """Return nova.conf of the API, conductor and scheduler; *databases*: addresses by name."""
    return _common(common, nova, state, "") + _CONTROLLER.format(**databases)


def nova_host(
    common: CommonSettings,
    nova: Account,
    state: Path,
    host: str,
    kind: AdapterKind,
    instances: Path,
) -> str:
    """Return nova.conf of nova-compute on *host*; *instances*: one folder for all hosts.

    With a shared folder and one address of all hosts a migration needs no ssh.
    """
    spec = dict(zip(("vendor_id", "product_id"), VF_IDS[kind].split(":"), strict=True))
    spec["physical_network"] = PHYSICAL_NETWORK
    more = _HOST.format(host=host, instances=instances)
    return _common(common, nova, state, more) + _HYPERVISOR.format(device_spec=json.dumps(spec))


def placement(common: CommonSettings, of: Account, database: str) -> str:
    return _PLACEMENT.format(database=database, tokens=common.tokens(of))


def _common(common: CommonSettings, nova: Account, state: Path, more: str) -> str:
    return _NOVA.format(
        transport_url=common.transport_url,
        state=state,
        more=more,
        tokens=common.tokens(nova),
        credentials=common.credentials(nova),
        region=REGION,
    )

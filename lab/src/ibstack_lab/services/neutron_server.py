# SPDX-License-Identifier: Apache-2.0
"""The lab's Neutron: the API and the RPC server, as a deployment of release 29 runs them.

`neutron-periodic-workers` is left out: it looks after quotas and moves networks between DHCP
agents, and the lab has no need of either.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.runtime.atomic_file import replace_file
from ibstack_lab.folder import listening
from ibstack_lab.process import output_of
from ibstack_lab.services.accounts import NEUTRON, REGION
from ibstack_lab.topology import ETHERNET, PHYSICAL_NETWORK

if TYPE_CHECKING:
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.services.keystone import Keystone
    from ibstack_lab.services.mariadb import MariaDb
    from ibstack_lab.services.rabbitmq import RabbitMq

_CONFIGURATION: Final = """\
[DEFAULT]
core_plugin = ml2
# Neutron adds those that it cannot do without by itself (tag, timestamp, revisions …).
service_plugins =
auth_strategy = keystone
api_paste_config = {prefix}/etc/neutron/api-paste.ini
state_path = {folder}/state
transport_url = {transport_url}
# IPoIB's, in datagram mode on links of 2048 bytes.
global_physnet_mtu = 2044
use_stderr = true
# The lab's nova is told of them and writes them down: ibstack_lab.services.nova_events.
send_events_interval = 1
rpc_workers = 1
rpc_state_report_workers = 0
[database]
connection = {database}
[keystone_authtoken]
{credentials}
www_authenticate_uri = {auth_url}
interface = public
service_type = network
service_token_roles = service
service_token_roles_required = true
[ml2]
type_drivers = vlan,flat
project_network_types = vlan
mechanism_drivers = {mechanism_driver}
extension_drivers =
physical_network_mtus = {physical_network}:2044
[ml2_type_flat]
flat_networks = {physical_network}
[ml2_type_vlan]
# The second is Ethernet and nobody serves it: it has networks, and no bound ports.
network_vlan_ranges = {physical_network}:1:4000,{ethernet}:11:20
[infiniband]
physical_networks = {physical_network}
answer_key_file = {answer_key}
[nova]
{credentials}
endpoint_type = public
[oslo_concurrency]
lock_path = {folder}/lock
[oslo_messaging_rabbit]
# The broker starts at the same time: look for it often.
rabbit_interval_max = 1
"""

# By which Neutron asks Keystone who somebody is, and tells nova.
_CREDENTIALS: Final = """\
auth_type = password
auth_url = {auth_url}
username = {user}
password = {password}
project_name = {project}
user_domain_id = default
project_domain_id = default
region_name = {region}"""


class NeutronServer:
    """The network service."""

    def __init__(self, lab: LabFolder, database: MariaDb, mechanism_driver: str) -> None:
        self._lab = lab
        self._database = database
        self._mechanism_driver = mechanism_driver
        self._folder = lab.service("neutron")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._lab.port('neutron')}"

    def configure(self, keystone: Keystone, broker: RabbitMq, password: str) -> None:
        for folder in ("state", "lock"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        replace_file(
            self._folder / "neutron.conf",
            _CONFIGURATION.format(
                prefix=sys.prefix,
                folder=self._folder,
                transport_url=broker.transport_url,
                database=self._database.url("neutron"),
                auth_url=keystone.auth_url,
                credentials=_CREDENTIALS.format(
                    auth_url=keystone.auth_url,
                    user=NEUTRON.name,
                    password=password,
                    project=NEUTRON.project,
                    region=REGION,
                ),
                mechanism_driver=self._mechanism_driver,
                physical_network=PHYSICAL_NETWORK,
                ethernet=ETHERNET,
                answer_key=self._lab.answer_key,
            ),
            mode=0o600,
        )

    def migrate(self) -> None:
        argv = (
            str(Path(sys.executable).with_name("neutron-db-manage")),
            *("--config-file", str(self._folder / "neutron.conf")),
            *("upgrade", "heads"),
        )
        mark = self._lab.known("neutron-db-manage").mark
        output_of(argv, "prepare Neutron's database", timeout_s=300, env=mark)

    def api(self) -> Process:
        return self._lab.api("neutron-api", "neutron")

    def rpc(self) -> Process:
        program = str(Path(sys.executable).with_name("neutron-rpc-server"))
        argv = (program, "--config-file", str(self._folder / "neutron.conf"))
        return self._lab.process("neutron-rpc", argv, cwd=self._folder)

    def ready(self) -> bool:
        return listening(self._lab.port("neutron"))

# SPDX-License-Identifier: Apache-2.0
"""Neutron's own DHCP agent, on the hosts that serve DHCP, with `ibstack dhcp watch` beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.runtime.atomic_file import replace_file
from ibstack_lab.guests.namespaces import Namespaces
from ibstack_lab.startup import Component
from ibstack_lab.topology import INTERFACE, PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.topology import Host

BINARY: Final = "neutron-dhcp-agent"
_NAMESPACE: Final = "qdhcp-"
"""neutron/agent/linux/dhcp.py, NS_PREFIX; the network's id follows."""

_CONFIGURATION: Final = """\
[DEFAULT]
host = {host}
transport_url = {transport_url}
state_path = {folder}/neutron
dnsmasq_config_file = {folder}/etc/dnsmasq.conf
interface_driver = ibstack_lab.guests.child_interfaces.LabIpoibInterfaceDriver
dhcp_driver = ibstack.neutron.agents.dhcp_driver.Dnsmasq
use_stderr = true
# What could not be done is tried again so soon.
resync_interval = 1
[AGENT]
# The lab is root's: nothing has to be asked for.  env stands where sudo stands on a real host.
root_helper = env
[ipoib]
physical_interface_mappings = {physical_network}:{interface}
sysfs = {folder}/sys
[oslo_concurrency]
lock_path = {folder}/neutron/lock
[oslo_messaging_rabbit]
rabbit_interval_max = 1
"""
_DNSMASQ_CONFIGURATION: Final = """\
# As nobody it could not read its hosts again in a folder that is root's alone, as in /root.
user=root
"""


class DhcpAgent:
    """The agent of one host, configured as on a real one but for its driver and its paths."""

    def __init__(self, lab: LabFolder, host: Host) -> None:
        self._lab = lab
        self._host = host
        self._folder = lab.host(host.name)

    @property
    def name(self) -> str:
        return f"dhcp-{self._host.name}"

    def configure(self, transport_url: str) -> None:
        path = self._folder / "etc" / "dhcp_agent.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name("dnsmasq.conf").write_text(_DNSMASQ_CONFIGURATION)
        replace_file(
            path,
            _CONFIGURATION.format(
                host=self._host.name,
                transport_url=transport_url,
                folder=self._folder,
                physical_network=PHYSICAL_NETWORK,
                interface=INTERFACE,
            ),
            mode=0o600,  # It holds the broker's password.
        )

    def component(self, alive: Callable[[str, str], bool]) -> Component:
        """*alive* says whether Neutron knows a live agent by its binary and host."""
        return Component(self.process(), lambda: alive(BINARY, self._host.name))

    def process(self) -> Process:
        configuration = str(self._folder / "etc" / "dhcp_agent.conf")
        module = "ibstack_lab.services.dhcp_program"
        argv = (sys.executable, "-m", module, "--config-file", configuration)
        return self._lab.process(self.name, argv, cwd=self._folder)

    def remove_namespaces(self) -> None:
        """Remove what an agent that was killed leaves: it has a folder for each network."""
        networks = self._folder / "neutron" / "dhcp"
        if networks.is_dir():
            for network in networks.iterdir():
                Namespaces(self._lab.root).remove(namespace_of(network.name))


def namespace_of(network_id: str) -> str:
    """Return the network namespace in which the agent serves that network."""
    return _NAMESPACE + network_id


class DhcpWatch:
    """The process that names the guests whom the DHCP agent of one host leaves unanswered."""

    def __init__(self, lab: LabFolder, host: Host) -> None:
        self._folder = lab.host(host.name)
        self._state_path = self._folder / "neutron"
        self.name = f"dhcp-watch-{host.name}"
        self._lab = lab

    def configure(self) -> None:
        """Make what the agent makes when it starts: it may be later than the watch."""
        self._state_path.mkdir(parents=True, exist_ok=True)

    def process(self) -> Process:
        program = str(Path(sys.executable).with_name("ibstack"))
        argv = (program, "dhcp", "watch", "--state-path", str(self._state_path))
        return self._lab.process(self.name, argv, cwd=self._folder)

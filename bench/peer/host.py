# SPDX-License-Identifier: Apache-2.0
"""The peer's agent and eswitchd on a host of the lab, configured as its manual says.

Source: networking-mlnx 21.0.0, README and eswitchd/common/config.py.  eswitchd listens on TCP
port 60001 whatever its file says, so there is one in a network namespace.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from bench.peer.services import PROGRAMS
from ibstack_lab.folder import listening
from ibstack_lab.startup import Component
from ibstack_lab.topology import INTERFACE, PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.topology import Host

_ESWITCHD_PORT: Final = 60001
_ESWITCHD: Final = """\
[DEFAULT]
use_stderr = true
[DAEMON]
fabrics = {mapping}
[AGENT]
# Who is root needs no sudo.
root_helper = env
"""
_AGENT: Final = """\
[DEFAULT]
use_stderr = true
host = {host}
transport_url = {transport_url}
state_path = {folder}/state
[ESWITCH]
physical_interface_mappings = {mapping}
[SECURITYGROUP]
enable_security_group = false
[oslo_concurrency]
lock_path = {folder}/state/lock
[oslo_messaging_rabbit]
rabbit_interval_max = 1
"""
# The host's own sysfs instead of this machine's, for the daemon and what it starts.
_BELOW_SYS: Final = 'mount --bind "$0" /sys && exec "$@"'


class PeerHost:
    """One host.  Its processes run in the network namespace of whoever starts them."""

    def __init__(self, lab: LabFolder, host: Host) -> None:
        self._lab = lab
        self._host = host
        self._folder = lab.host(host.name)

    def configure(self, transport_url: str) -> None:
        for folder in ("etc", "state/lock", "guests"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        for daemon, template in (("eswitchd", _ESWITCHD), ("agent", _AGENT)):
            path = self._configuration(daemon)
            path.touch(mode=0o600)  # It may hold the broker's password.
            path.write_text(
                template.format(
                    mapping=f"{PHYSICAL_NETWORK}:{INTERFACE}",
                    host=self._host.name,
                    transport_url=transport_url,
                    folder=self._folder,
                )
            )

    def eswitchd(self) -> Component:
        return Component(self._process("eswitchd", "eswitchd"), lambda: listening(_ESWITCHD_PORT))

    def agent(self, alive: Callable[[str], bool]) -> Component:
        """*alive* says whether Neutron knows a live agent on a host."""
        process = self._process("agent", "neutron-mlnx-agent")
        return Component(process, lambda: alive(self._host.name))

    def _process(self, daemon: str, program: str) -> Process:
        argv: Sequence[str] = (
            *("unshare", "--mount", "sh", "-c", _BELOW_SYS, str(self._folder / "sys")),
            *(str(PROGRAMS / program), "--config-file", str(self._configuration(daemon))),
        )
        # Its helper (oslo.privsep) is found on PATH.
        env = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        return self._lab.process(f"{daemon}-{self._host.name}", argv, env=env, cwd=self._folder)

    def _configuration(self, daemon: str) -> Path:
        return self._folder / "etc" / f"{daemon}.conf"

# SPDX-License-Identifier: Apache-2.0
"""`ibstack dhcp watch` beside each DHCP agent of the lab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.topology import Host


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

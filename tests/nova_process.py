# SPDX-License-Identifier: Apache-2.0
"""nova-compute's part, done by nova's own code in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibstack_lab.services.neutron_stand_in import StandInPort


@dataclass(frozen=True)
class NovaCompute:
    """nova's libvirt VIF driver, with `ebrctl` on its PATH."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, eswitch_socket: Path) -> NovaCompute:
        scripts = Path(sys.executable).parent
        env = {
            **os.environ,
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "IBSTACK_ESWITCHD_SOCKET": str(eswitch_socket),
        }
        process = subprocess.Popen(
            # The parts of OpenStack that nova loads say that eventlet is deprecated.
            [sys.executable, "-W", "ignore", str(Path(__file__).parent / "nova/nova_compute.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        return cls(process)

    def stop(self) -> None:
        self.process.communicate()

    def ask(self, verb: str, port: StandInPort) -> dict[str, Any]:
        """Have nova do *verb* (plug, unplug, domain) with *port*; return what came of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        names = {"id": port.id, "mac": port.mac, "pci": port.pci}
        request = {"verb": verb, "port": {**names, "physical_network": port.physical_network}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

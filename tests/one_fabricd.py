# SPDX-License-Identifier: Apache-2.0
"""ibstack-fabricd as a process beside a real OpenSM, with a Neutron that lives in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibstack_lab.process import Process, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ibstack.fabric.guid import Guid
    from ibstack_lab.fabric.simulated import Fabric

PROGRAM = Path(__file__).parent / "real" / "fabricd_with_neutron.py"


@dataclass
class Fabricd:
    """One daemon, its folder, and the fabric that it keeps."""

    fabric: Fabric
    folder: Path
    host: str = "head"
    members: list[dict[str, Any]] = field(default_factory=list)
    metrics_port: int = 0
    settings: str = ""
    """More lines of [fabric]."""
    managers: Collection[Guid] = ()
    """The ports in full_default_members; none: of every host that runs an OpenSM."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        hosts = self.fabric.topology.subnet_manager_hosts
        managers = self.managers or [host.port_guid for host in hosts]
        self.conf = self.folder / "fabricd.conf"
        self.conf.write_text(
            f"[DEFAULT]\nhost = {self.host}\ntransport_url = fake:///\n"
            "[fabric]\nphysical_network = ibhostnet\n"
            f"partitions_conf = {self.fabric.partitions_conf(self.host)}\n"
            f"full_default_members = {', '.join(map(str, managers))}\n"
            f"state_path = {self.folder}/state\nserves_vports = yes\n"
            "poll_interval = 0.1\nremoval_grace_s = 0.1\nreport_interval = 1\n"
            f"{self.settings}"
            f"[metrics]\nport = {self.metrics_port}\n"
        )
        self.want()
        self.process = Process(
            f"fabricd-{self.host}",
            self.argv("fabricd"),
            self.folder / "log",
            self.folder / "pid",
            env=self.fabric.client_env(self.host),
            cwd=self.fabric.client_cwd(self.host),
        )

    def argv(self, program: str, *words: str) -> list[str]:
        argv = [sys.executable, str(PROGRAM), str(self.folder), program, *words]
        return [*argv, "--config-file", str(self.conf)]

    def ibstack(
        self, *words: str, attached: bool = True, at: str = "node001"
    ) -> tuple[int, Any, str]:
        """Run `ibstack partition`; return its exit code, its answer, and what it said besides.

        It runs on the host *at*; where it is not *attached*, on a machine without any InfiniBand
        port.
        """
        done = subprocess.run(
            self.argv("ibstack", "partition", *words, "-f", "json"),
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(self.fabric.client_env(at) if attached else {})},
            cwd=self.fabric.client_cwd(at),
        )
        answer = json.loads(done.stdout) if done.stdout.strip() else None
        return done.returncode, answer, done.stderr

    def want(self, *members: tuple[str, Guid, str], own: Collection[str] = ()) -> None:
        """Desire *members*: port id, GUID, key.

        All of them are physical ports, but those of *own*: each a VF's that is a port of its own.
        """
        rows = [
            {
                "port_id": port,
                "host": f"host of {guid}",
                "guid": str(guid),
                "key": key,
                "membership": "full",
                "shared": port not in own,
            }
            for port, guid, key in members
        ]
        fresh = self.folder / "members.new"
        fresh.write_text(json.dumps(rows))
        fresh.rename(self.folder / "members.json")

    def told(self) -> list[dict[str, Any]]:
        path = self.folder / "told.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def in_force(self) -> set[str]:
        reports = [set(told["in_force"]) for told in self.told() if "in_force" in told]
        return reports[-1] if reports else set()

    def heartbeat(self) -> dict[str, Any]:
        beats = [told for told in self.told() if "agent_type" in told]
        return beats[-1] if beats else {"configurations": {}}

    def numbers(self) -> dict[str, float]:
        """Read its metrics, by their series; it needs a *metrics_port*."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {series: float(value) for series, _, value in pairs}

    def until(self, true: Callable[[], bool], limit_s: float = 12) -> None:
        deadline = time.monotonic() + limit_s
        while not true():
            assert time.monotonic() < deadline, tail(self.process.log, 30)
            time.sleep(0.02)

    def order(self, flag: str) -> str:
        done = subprocess.run(
            [*self.process.argv, flag], capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

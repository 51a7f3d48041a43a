# SPDX-License-Identifier: Apache-2.0
"""A daemon, or `ibstack`, in one process with a Neutron that keeps its state in a folder.

Run as a program by tests: FOLDER, `fabricd`, `agent` or `ibstack`, then its own arguments.  The
in-memory transport of oslo.messaging joins the two; `members.json` is what is desired, `told.jsonl`
what Neutron was told; while there is a file `away` it cannot say what is desired.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import ibstack.neutron.client.native_threads  # noqa: F401  Before what imports oslo.messaging.

# isort: split
import oslo_messaging
from oslo_config import cfg

from ibstack.cli import app
from ibstack.host.agent import daemon as agent
from ibstack.neutron.client.rpc_client import open_transport
from ibstack.subnet_manager.fabricd import daemon


class Neutron:
    """Answers as docs/reference/protocols.md says."""

    target = oslo_messaging.Target(version="1.4")

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fabric_members(
        self, context: Any, physical_network: str, etag: str | None = None
    ) -> dict[str, Any]:
        if (self._folder / "away").exists():
            raise oslo_messaging.RemoteError("DBConnectionError", "the database is away")
        text = (self._folder / "members.json").read_text()
        current = hashlib.sha256(text.encode()).hexdigest()
        members = None if current == etag else json.loads(text)
        return {"etag": current, "members": members, "held": []}

    def report_fabric(
        self, context: Any, physical_network: str, etag: str, in_force: list[str]
    ) -> dict[str, list[str]]:
        self._tell({"in_force": in_force})
        return {"unknown": []}

    def report_state(self, context: Any, agent_state: dict[str, Any], time: str) -> str:
        self._tell(agent_state["agent_state"])
        return "alive"

    def _tell(self, what: dict[str, Any]) -> None:
        with (self._folder / "told.jsonl").open("a") as out:
            out.write(json.dumps(what) + "\n")


def main() -> int:
    folder = Path(sys.argv[1])
    transport = open_transport(cfg.CONF, "fake:///")
    for topic in ("ibstack-plugin", "q-reports-plugin"):
        target = oslo_messaging.Target(exchange="neutron", topic=topic, server="neutron")
        oslo_messaging.get_rpc_server(transport, target, [Neutron(folder)]).start()
    program = {"fabricd": daemon.main, "agent": agent.main, "ibstack": app.main}[sys.argv[2]]
    return program(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())

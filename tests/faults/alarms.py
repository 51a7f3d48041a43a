# SPDX-License-Identifier: Apache-2.0
"""What ibstack tells of who attempts what: in its logs, and in heartbeats as Neutron keeps them."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

import pymysql

from faults.attempts import Said, Where

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.cloud import Cloud

_WHOSE: Final = {
    "fabricd-": Where.FABRICD_LOG,
    "agent-": Where.AGENT_LOG,
    "neutron-": Where.NEUTRON_LOG,
}
AGENT, FABRICD = "Mellanox plugin agent", "InfiniBand partition agent"


class Alarms:
    """Reads on where it has left off."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._logs = {
            cloud.process(name).log: where
            for name in cloud.names
            for prefix, where in _WHOSE.items()
            if name.startswith(prefix)
        }
        self._read = {log: _size(log) for log in self._logs}

    def hear(self) -> list[Said]:
        """Return what was written since the last time, and the problems that are told now."""
        found = [
            Said(where, line) for log, where in self._logs.items() for line in self._lines(log)
        ]
        with suppress(pymysql.MySQLError):  # It may be away.
            for told in self.heartbeats(FABRICD).values():
                found += [Said(Where.PROBLEMS, str(line)) for line in told.get("problems", ())]
        return found

    def heartbeats(self, agent_type: str) -> dict[str, dict[str, Any]]:
        """Return what each host's agent of that type has reported last."""
        rows = self._ask(
            "SELECT host, configurations FROM agents WHERE agent_type = %s", agent_type
        )
        return {str(host): json.loads(str(text)) for host, text in rows}

    def ports(self) -> list[tuple[str, str]]:
        """Return the id of every port, and the host that it is bound to; empty: to none."""
        rows = self._ask("SELECT port_id, host FROM ml2_port_bindings WHERE %s", "1")
        return [(str(port_id), str(host)) for port_id, host in rows]

    def _ask(self, statement: str, value: str) -> tuple[tuple[Any, ...], ...]:
        socket = str(self._cloud.services().database.socket)
        with (
            closing(
                pymysql.connect(
                    unix_socket=socket,
                    user="root",
                    database="neutron",
                    connect_timeout=3,
                    read_timeout=3,
                )
            ) as line,
            line.cursor() as cursor,
        ):
            cursor.execute(statement, (value,))
            found: tuple[tuple[Any, ...], ...] = cursor.fetchall()
        return found

    def _lines(self, log: Path) -> list[str]:
        """Return the whole lines that are new."""
        if not log.exists():
            return []
        with log.open("rb") as opened:
            opened.seek(self._read[log])
            new = opened.read()
        whole = new.rfind(b"\n") + 1
        self._read[log] += whole
        return new[:whole].decode(errors="replace").splitlines()


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0

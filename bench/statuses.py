# SPDX-License-Identifier: Apache-2.0
"""When a Neutron port becomes ACTIVE, read in the database.

To ask the API would slow down what is measured.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pymysql

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_EVERY_S: Final = 0.01


class Statuses:
    """Looks into Neutron's database every 10 ms, from its making to `stop()`."""

    def __init__(self, socket: Path) -> None:
        """*socket*: MariaDB's."""
        self._socket = socket
        self._since: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, port_id: str, timeout_s: float) -> float | None:
        """Return the time (time.monotonic) at which a port was seen ACTIVE; None: it was not."""
        deadline = time.monotonic() + timeout_s
        while port_id not in self._since:
            if time.monotonic() > deadline or not self._thread.is_alive():
                return None
            time.sleep(_LOOK_EVERY_S)
        return self._since[port_id]

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        connection = pymysql.connect(
            unix_socket=str(self._socket), user="root", database="neutron", autocommit=True
        )
        with closing(connection), connection.cursor() as cursor:
            while not self._stopping.wait(_LOOK_EVERY_S):
                cursor.execute("SELECT id FROM ports WHERE status = 'ACTIVE'")
                now = time.monotonic()
                active = {row[0] for row in cursor.fetchall()}
                self._since = {each: self._since.get(each, now) for each in active}

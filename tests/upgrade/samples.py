# SPDX-License-Identifier: Apache-2.0
"""What ports and VFs show, sampled from beside: the database and the host's own files."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, Self

import pymysql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ibstack_lab.hosts.hardware import Hardware

_EVERY_S: Final = 0.01


class Samples:
    """Looks every 10 ms until it is left.  Reads files and tables, and no code under test."""

    def __init__(self, database: Path, adapter: Hardware, vfs: Sequence[int]) -> None:
        """*database*: MariaDB's socket; *vfs*: numbers of the VFs."""
        self._database = database
        self._adapter = adapter
        self._vfs = vfs
        self._looks = 0
        self._statuses: Counter[str] = Counter()
        self._vf_states: dict[int, Counter[str]] = {number: Counter() for number in vfs}
        self._stopping = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def seen(self) -> dict[str, Any]:
        """Return how often each status, and each GUID with its entry, was seen."""
        if self._trouble is not None:
            raise self._trouble
        return {
            "looks": self._looks,
            "statuses": dict(self._statuses),
            "vfs": [dict(self._vf_states[number]) for number in self._vfs],
        }

    def _run(self) -> None:
        try:
            with closing(
                pymysql.connect(
                    unix_socket=str(self._database),
                    user="root",
                    database="neutron",
                    autocommit=True,
                )
            ) as connection:
                while not self._stopping.wait(_EVERY_S):
                    self._look(connection)
        except Exception as error:  # The thread's owner is told in seen().
            self._trouble = error

    def _look(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT status FROM ports")
            self._statuses.update(row[0] for row in cursor.fetchall())
        for number in self._vfs:
            guid = self._adapter.vf_guid(number)
            index = self._adapter.vf_index(number)
            # None: a write of the file is on its way; whoever wrote it shows in the next look.
            if guid is not None:
                self._vf_states[number][f"{guid:016x} {self._entry(index)}"] += 1
        self._looks += 1

    def _entry(self, index: int | None) -> str:
        if index is None:
            return "none"
        path = self._adapter.iov_port_folder / f"pkeys/{index}"
        return path.read_text().strip() or "being written"

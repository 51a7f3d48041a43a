# SPDX-License-Identifier: Apache-2.0
"""What every daemon's process needs: signals as bytes, threads that do not die in silence."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

from ibstack.fabric.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger(__name__)


def catch_signals() -> int:
    """Return a descriptor that gives the number of each SIGTERM, SIGINT and SIGHUP, one byte each.

    Nothing runs in a handler: one that sets an Event while the main thread waits on that Event
    would wait for a lock that this thread holds.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return reader


def start_thread(name: str, run: Callable[[], None]) -> None:
    """Run *run* in a thread; a bug in it ends the process, and systemd starts it again."""

    def owned() -> None:
        try:
            run()
        except Exception:
            # A thread that died in silence would leave a daemon that only looks alive.
            LOG.exception("cannot go on: a bug ended thread %s", name)
            os._exit(1)

    threading.Thread(target=owned, name=name, daemon=True).start()


class _Record(logging.LogRecord):
    """A line of a log: what its message quotes can neither begin a line nor move a cursor."""

    def getMessage(self) -> str:
        return printable(super().getMessage())


def log_printable_lines() -> None:
    """Have each message of this process logged on one line without control characters.

    Messages quote what hosts, tenants and other daemons chose, and a file of log lines is read in
    terminals.
    """
    logging.setLogRecordFactory(_Record)


def doubling(first_s: float, last_s: float) -> Callable[[int], float]:
    """Return a backoff: *first_s* after the first failure, twice that after the next, …"""
    return lambda failed_in_a_row: min(first_s * 2.0 ** min(failed_in_a_row - 1, 10), last_s)

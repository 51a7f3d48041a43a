# SPDX-License-Identifier: Apache-2.0
"""ibstack-eswitchd: the one root process of a host, which programs virtual functions.

It knows adapters and attachments and nothing of OpenStack.  Everything it needs is Python's own,
so that it stays small: it runs as root on every host.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, IbstackError
from ibstack.host.adapters.mapped_adapters import Adapters
from ibstack.host.eswitchd import config
from ibstack.host.eswitchd.attachments import Attachments
from ibstack.host.eswitchd.eswitch import Eswitch
from ibstack.host.eswitchd.eswitch_server import EswitchServer, hold
from ibstack.runtime.daemon import log_printable_lines
from ibstack.runtime.sysfs import Sysfs
from ibstack.runtime.systemd import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.host.eswitchd.config import Settings

LOG = logging.getLogger(__name__)

_USAGE: Final = """\
usage: ibstack-eswitchd --config-file FILE

Programs the InfiniBand virtual functions of this host, for ibstack-agent and ebrctl.

example: ibstack-eswitchd --config-file /etc/ibstack/eswitchd.conf
"""
# How often the host is looked at: soon while an attachment waits for something that the fabric
# changes, as the P_Key table; else now and then.
_SOON_S: Final = 0.1
_SELDOM_S: Final = 5.0
_EAGER_S: Final = 60.0


class Observer(threading.Thread):
    """Looks at the host, mends what is ours, and wakes the watchers when something changed."""

    def __init__(self, eswitch: Eswitch, failed: Callable[[], None]) -> None:
        """*failed* is called when this thread has to end."""
        super().__init__(name="observer", daemon=True)
        self._eswitch = eswitch
        self._failed = failed
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Run until stop().  A bug here ends the daemon: systemd starts it again."""
        try:
            self._observe()
        except Exception:
            LOG.exception("cannot watch the adapters any more")
            self._failed()

    def _observe(self) -> None:
        sequence, seen = -1, self._eswitch.fingerprint()
        eager_until = mended = -_SELDOM_S
        while not self._stopping.wait(_SOON_S):
            now = time.monotonic()
            if now - mended >= _SELDOM_S:
                self._eswitch.reconcile()
                notify("WATCHDOG=1")
                mended = now
            looked = self._eswitch.fingerprint()
            if looked != seen:
                seen = looked
                self._eswitch.nudge()
            latest = self._eswitch.watch(sequence, 0)
            if latest != sequence:
                sequence, eager_until = latest, now + _EAGER_S
            if now > eager_until or not self._eswitch.has_pending():
                self._eswitch.watch(sequence, _SELDOM_S - _SOON_S)


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    # Kept until the process ends: the kernel lets go of them even when it is killed.
    locks = [
        hold(os.path.join(settings.state_path, "lock"), f"state_path {settings.state_path}"),
        hold(f"{settings.socket}.lock", f"socket {settings.socket}"),
    ]
    eswitch = Eswitch(
        Adapters(Sysfs(settings.sysfs), settings.mappings),
        Attachments(os.path.join(settings.state_path, "attachments")),
    )
    wakes, woken = _wakeup()
    broken = threading.Event()

    def failed() -> None:
        broken.set()
        wakes.send(bytes([signal.SIGTERM]))

    # Before anybody is served: what a killed daemon had begun is finished.
    eswitch.reconcile()
    server = EswitchServer(eswitch, settings.socket, settings.group)
    observer = Observer(eswitch, failed)
    observer.start()
    for problem in eswitch.read().problems:
        LOG.warning("%s", problem)
    LOG.info("serving %s on %s", _mapping_list(settings), settings.socket)
    notify("READY=1")
    _accept_until_stopped(server, woken)
    notify("STOPPING=1")
    observer.stop()
    server.close()
    eswitch.stop()
    for lock in locks:
        os.close(lock)
    LOG.info("stopped")
    return 1 if broken.is_set() else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ibstack-eswitchd."""
    log_printable_lines()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--help"], ["-h"]):
        sys.stdout.write(_USAGE)
        return 0
    try:
        return serve(config.load(_config_file(words)))
    except IbstackError as error:
        sys.stderr.write(f"ibstack-eswitchd: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"ibstack-eswitchd: cannot start: {error}\n")
        return 1


def _config_file(words: list[str]) -> str:
    if len(words) == 2 and words[0] == "--config-file":
        return words[1]
    if len(words) == 1 and words[0].startswith("--config-file="):
        return words[0].partition("=")[2]
    raise BadInput(f"cannot start: expected --config-file FILE, got {words}; see --help")


def _wakeup() -> tuple[socket.socket, socket.socket]:
    """Return a pair of which the second becomes readable on SIGTERM and SIGINT."""
    wakes, woken = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return wakes, woken


def _accept_until_stopped(server: EswitchServer, woken: socket.socket) -> None:
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(server.listener, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if woken.fileno() in ready and set(woken.recv(64)) & {signal.SIGTERM, signal.SIGINT}:
            return
        if server.listener.fileno() in ready:
            server.accept()


def _mapping_list(settings: Settings) -> str:
    return ", ".join(f"{each.physical_network}:{each.interface}" for each in settings.mappings)


if __name__ == "__main__":
    sys.exit(main())

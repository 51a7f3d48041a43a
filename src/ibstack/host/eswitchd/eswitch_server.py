# SPDX-License-Identifier: Apache-2.0
"""The unix socket of ibstack-eswitchd: who may connect, and one thread for each who does."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import Refused, TryLater
from ibstack.host.eswitchd import eswitch_requests
from ibstack.host.eswitchd.client_places import ClientPlaces
from ibstack.host.eswitchd.peer_credentials import is_allowed, peer_of
from ibstack.runtime.file_lock import try_lock

if TYPE_CHECKING:
    from ibstack.host.eswitchd.eswitch import Eswitch
    from ibstack.host.eswitchd.peer_credentials import Peer

LOG = logging.getLogger(__name__)

# A client that cannot wait, for it has a timeout, is told EAGAIN when this many have not been met.
_BACKLOG: Final = 512
# A client that has begun a line must end it, and must read its answer, within this time.
_SLOWEST_CLIENT_S: Final = 30.0
_DISMISSED_S: Final = 1.0
_ROOT: Final = 0


class EswitchServer:
    """Serves one eswitch on one socket.  A slow client holds up nobody but itself."""

    def __init__(self, eswitch: Eswitch, path: str, group: int | None) -> None:
        """*group*: the group id that may connect beside root."""
        self._eswitch = eswitch
        self._path = path
        self._group = group
        self._places = ClientPlaces()
        self.listener = self._listen()

    def accept(self) -> None:
        """Take one waiting connection and serve it in a thread."""
        try:
            connection, _ = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # It has gone again.
        peer = peer_of(connection)
        full = self._places.take(peer.uid)
        if full is not None:
            LOG.warning("more than %s clients at once; one of user %s waits", full, peer.uid)
            busy = TryLater(f"cannot do that: {full} clients are being served already")
            with connection, contextlib.suppress(OSError):
                _send(connection, eswitch_requests.refusal(busy, str(busy)))
            return
        threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def close(self) -> None:
        """Stop listening.  Connections go on until their threads end."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self.listener.close()

    def _listen(self) -> socket.socket:
        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # Bound aside and then moved: nobody can connect before owner and mode are right, and a
        # socket that a killed daemon left behind is replaced in one step.
        scratch = f"{self._path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)
        former = os.umask(0o177)
        try:
            listener.bind(scratch)
        finally:
            os.umask(former)
        if self._group is not None:
            os.chown(scratch, _ROOT, self._group)
        os.chmod(scratch, 0o660)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        os.replace(scratch, self._path)
        return listener

    def _serve(self, connection: socket.socket, peer: Peer) -> None:
        """Serve one client until it goes.  This owns its thread, so nothing may pass it by."""
        try:
            with connection:
                self._converse(connection, peer)
        except (OSError, TimeoutError):
            LOG.debug("a client went away", exc_info=True)
        except Exception:
            LOG.exception("cannot serve a client; its connection is closed")
        finally:
            self._places.leave(peer.uid)

    def _converse(self, connection: socket.socket, peer: Peer) -> None:
        if not is_allowed(peer, self._group):
            LOG.warning("turned away process %s of user %s", peer.pid, peer.uid)
            no = Refused(
                "cannot do that: only root and the group that ibstack-eswitchd is configured "
                "with are served; see [eswitchd] group"
            )
            _dismiss(connection, eswitch_requests.refusal(no, str(no)))
            return
        waiting = b""
        while True:
            line, newline, rest = waiting.partition(b"\n")
            if len(line) > eswitch_requests.LONGEST_REQUEST:
                _dismiss(connection, eswitch_requests.too_long())
                return
            if newline:
                waiting = rest
                _send(connection, eswitch_requests.answer(self._eswitch, line))
                continue
            connection.settimeout(_SLOWEST_CLIENT_S if waiting else None)
            received = connection.recv(eswitch_requests.LONGEST_REQUEST)
            if not received:
                return
            waiting += received


def hold(path: str, what: str) -> int:
    """Lock the file at *path* until the process ends and return its descriptor.

    Refused where another process holds it: two daemons would undo each other's work.
    """
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = try_lock(path)
    if descriptor is None:
        raise Refused(
            f"cannot start: another ibstack-eswitchd uses {what} (it has locked {path}); stop it "
            "first, or give this one its own socket and state_path"
        )
    return descriptor


def _send(connection: socket.socket, line: bytes) -> None:
    connection.settimeout(_SLOWEST_CLIENT_S)
    connection.sendall(line)


def _dismiss(connection: socket.socket, line: bytes) -> None:
    """Say *line* as the last word, and listen a moment longer.

    A client that is still talking when its peer closes gets an error and never reads the answer.
    """
    _send(connection, line)
    connection.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + _DISMISSED_S
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(eswitch_requests.LONGEST_REQUEST):
            return

# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end of a unix socket, from the kernel (unix(7))."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

_UCRED: Final = struct.Struct("=iII")
_SO_PEERGROUPS: Final = 59  # Linux 4.13; Python has no name for it.
_GROUPS_SIZE: Final = 1024  # The most that Python's getsockopt takes: 256 groups.


@dataclass(frozen=True, slots=True)
class Peer:
    """A process as it was when it connected."""

    pid: int
    uid: int
    gids: frozenset[int]
    """Its effective group and its supplementary groups."""


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected.

    Supplementary groups come from SO_PEERGROUPS and not from /proc/<pid>: a process id can be
    another process's by now.  A process of more than 256 groups counts with its effective one.
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(raw)
    try:
        groups = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_SIZE)
    except OSError:
        groups = b""
    return Peer(pid, uid, frozenset({gid, *(one for (one,) in struct.iter_unpack("=I", groups))}))


def is_allowed(peer: Peer, group: int | None) -> bool:
    """Return whether *peer* is root, or of *group*; None stands for root alone."""
    return peer.uid == 0 or (group is not None and group in peer.gids)

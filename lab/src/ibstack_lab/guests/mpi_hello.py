# SPDX-License-Identifier: Apache-2.0
"""An MPI program: two ranks, each in a guest, tell each other where they are.

    mpirun -n 2 … python -m ibstack_lab.guests.mpi_hello INTERFACE

Rank 0 prints a line of JSON for each of both; a rank that did not hear its partner ends with an
error.  It speaks to Open MPI's library as it is, so nothing has to be compiled.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from typing import Final

_LIBRARY: Final = "libmpi.so.40"
"""Open MPI 2 to 4."""
_PROCESSOR_NAME_BYTES: Final = 256
"""MPI_MAX_PROCESSOR_NAME of Open MPI's mpi.h."""
_MESSAGE_BYTES: Final = 4096
_SIOCGIFADDR: Final = 0x8915
"""linux/sockios.h: the IPv4 address of an interface."""
_TAG: Final = 3


class Mpi:
    """The few functions of MPI that a hello needs."""

    def __init__(self) -> None:
        # Open MPI's plug-ins look their symbols up among the global ones.
        self._library = ctypes.CDLL(_LIBRARY, mode=ctypes.RTLD_GLOBAL)
        self._world = ctypes.byref(ctypes.c_char.in_dll(self._library, "ompi_mpi_comm_world"))
        self._byte = ctypes.byref(ctypes.c_char.in_dll(self._library, "ompi_mpi_byte"))
        self._library.MPI_Init(None, None)

    def number(self, function: str) -> int:
        """Return what MPI_Comm_rank or MPI_Comm_size says."""
        found = ctypes.c_int()
        self._library[function](self._world, ctypes.byref(found))
        return found.value

    def processor_name(self) -> str:
        name, length = ctypes.create_string_buffer(_PROCESSOR_NAME_BYTES), ctypes.c_int()
        self._library.MPI_Get_processor_name(name, ctypes.byref(length))
        return name.value.decode()

    def exchange(self, text: str, partner: int) -> str:
        """Send *text* to the rank *partner*, and return what it sent meanwhile."""
        sent = ctypes.create_string_buffer(text.encode(), _MESSAGE_BYTES)
        heard = ctypes.create_string_buffer(_MESSAGE_BYTES)
        to, came = ((b, _MESSAGE_BYTES, self._byte, partner, _TAG) for b in (sent, heard))
        self._library.MPI_Sendrecv(*to, *came, self._world, None)
        return heard.value.decode()

    def finish(self) -> None:
        self._library.MPI_Finalize()


def address(interface: str) -> str:
    """Return the IPv4 address of *interface* in this process's network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("256s", interface.encode())
        answer = fcntl.ioctl(any_socket, _SIOCGIFADDR, request)
    # struct ifreq: the name in 16 bytes, then a sockaddr_in with the address at its byte 4.
    return socket.inet_ntoa(answer[20:24])


def main() -> None:
    mpi = Mpi()
    rank, size = mpi.number("MPI_Comm_rank"), mpi.number("MPI_Comm_size")
    here = {
        "rank": rank,
        "size": size,
        "processor": mpi.processor_name(),
        "address": address(sys.argv[1]),
        "namespace": os.stat("/proc/self/ns/net").st_ino,
    }
    heard = json.loads(mpi.exchange(json.dumps(here), 1 - rank))
    report = json.dumps({**here, "heard": heard})
    theirs = mpi.exchange(report, 1 - rank)
    # One speaks for both: mpirun forwards what two ranks print in pieces, which may come mixed.
    if rank == 0:
        print(report, theirs, sep="\n", flush=True)
    mpi.finish()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Which ports this machine has, as libibumad finds them in sysfs."""

from __future__ import annotations

import ctypes
from typing import Final

from ibstack.fabric.guid import Guid
from ibstack.mad.umad import load

# UMAD_CA_NAME_LEN, UMAD_MAX_DEVICES and UMAD_CA_MAX_PORTS of infiniband/umad.h.
_NAME_BYTES: Final = 20
_ADAPTERS: Final = 32
_PORTS: Final = 10


def local_port_guids() -> frozenset[Guid]:
    """Return the GUID of each port of this machine; CannotReadFabric where libibumad is missing.

    A name that libibumad gives need not be an adapter: without any it says "mthca0" (44.0).
    """
    library = load()
    names = (ctypes.c_char * _NAME_BYTES * _ADAPTERS)()
    count: int = library.umad_get_cas_names(names, _ADAPTERS)
    found: set[Guid] = set()
    for name in names[: max(count, 0)]:
        guids = (ctypes.c_uint64.__ctype_be__ * _PORTS)()
        got: int = library.umad_get_ca_portguids(name, guids, _PORTS)
        found.update(Guid(guid) for guid in guids[: max(got, 0)] if guid)
    return frozenset(found)

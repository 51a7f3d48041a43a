# SPDX-License-Identifier: Apache-2.0
"""Neutron's server binds ports of VFs by ibstack's driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.networks import PLACE, servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import Site

_NAMES: Final = ("infiniband", "mlnx_infiniband")


def _look(site: Site) -> Iterator[Seen]:
    known = servers(site)
    for server in known:
        drivers = server.listed("ml2", "mechanism_drivers")
        holds = any(name.endswith(_NAMES) for name in drivers)
        yield Seen(server.host, holds, ", ".join(drivers) or "none", server.place)
    if not known:
        yield Seen("", None, "no server's file was collected", PLACE)


RULE: Final = Rule(
    "mechanism-driver",
    "the server has ibstack's mechanism driver",
    "infiniband among [ml2] mechanism_drivers",
    "add infiniband to [ml2] mechanism_drivers, and restart neutron-server",
    _look,
)

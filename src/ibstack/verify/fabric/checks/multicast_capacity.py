# SPDX-License-Identifier: Apache-2.0
"""Switches can forward the groups that a partitions file makes, with room for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.mad import NodeType
from ibstack.verify.check import Rule, Seen
from ibstack.verify.fabric.files import groups_made, place
from ibstack.verify.site import on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook
    from ibstack.verify.site import Site

_CAP: Final = "SwitchInfo.MulticastFDBCap"


def _look(site: Site) -> Iterator[Seen]:
    hosts = site.subnet_manager_hosts()
    source = ", ".join([_CAP, *dict.fromkeys(place(host) for host in hosts)])
    made = [number for host in hosts if (number := groups_made(host)) is not None]
    needed = max(made, default=None)

    def judge(fabric: FabricLook) -> Iterator[Seen]:
        switches = [port for port in fabric.ports if port.node_type is NodeType.SWITCH]
        caps = [port.multicast_cap for port in switches if port.multicast_cap is not None]
        if not switches:
            return
        if needed is None or len(caps) < len(switches):
            why = (
                "no partitions file that OpenSM is known to take"
                if needed is None
                else "a switch did not say how many"
            )
            yield Seen("", None, why, source)
            return
        found = f"{needed} groups, room for {min(caps)}"
        yield Seen("", needed < min(caps), found, source)

    return on_fabric(judge)(site)


# Seen on OpenSM 3.3.23: ERR 1B19 get_new_mlid failed, and no IPoIB on the partitions beyond.
RULE: Final = Rule(
    "multicast-capacity",
    "switches have room for the multicast groups that OpenSM makes of the partitions file",
    "fewer groups than MulticastFDBCap: IPoIB makes more while it runs",
    "use fewer networks on this fabric, or switches with a larger MulticastFDBCap: IPoIB does not"
    " work on those beyond (ERR 1B19 in OpenSM's log)",
    _look,
)

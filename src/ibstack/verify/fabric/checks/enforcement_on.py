# SPDX-License-Identifier: Apache-2.0
"""Switches check partition keys at the ports of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.opensm_conf import options, place, unknown
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import EnforcingPort, FabricLook
    from ibstack.verify.site import Site

_SOURCE: Final = "SwitchInfo, PortInfo of each port of a switch"


def _look(site: Site) -> Iterator[Seen]:
    for host in site.subnet_manager_hosts():
        said = options(host)
        if isinstance(said, Unread):
            yield unknown(host, said)
        else:
            told = f"part_enforce {said['part_enforce']}"
            holds = said["part_enforce"] == "both"
            yield Seen(host.host, holds, told, place(host))

    def at_ports(fabric: FabricLook) -> Iterator[Seen]:
        return not_one_by_one(_at_each(fabric), _SOURCE, "ports of switches")

    yield from on_fabric(at_ports)(site)


def _at_each(fabric: FabricLook) -> Iterator[Seen]:
    adapters = {port.guid: port for port in fabric.adapters}
    anywhere = any(port.enforces for port in fabric.switch_ports)
    for switch_port in fabric.switch_ports:
        port = adapters.get(switch_port.peer) if switch_port.peer else None
        if port is not None:
            holds, found = _judged(switch_port, anywhere=anywhere)
            yield Seen(port.host, holds, found, _SOURCE, str(switch_port))


def _judged(port: EnforcingPort, *, anywhere: bool) -> tuple[bool | None, str]:
    if port.enforces:
        return True, "enforced"
    if port.can_enforce is False:
        # ibsim's say so, and keep no such bits.
        return None, "not enforced: the switch says that it cannot"
    if port.can_enforce is None and not anywhere:
        return None, "not enforced at any port, and whether switches could was not collected"
    return False, "not enforced"


RULE: Final = Rule(
    "enforcement-on",
    "switches check partition keys at the ports of hosts",
    "enforced both ways",
    "set part_enforce both in opensm.conf; where one port alone is off, its keys may fill the"
    " switch's table (enforcement-capacity)",
    _look,
)

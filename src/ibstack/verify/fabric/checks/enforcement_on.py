# SPDX-License-Identifier: Apache-2.0
"""Switches check partition keys at the ports of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.opensm import command_line
from ibstack.formats.opensm.configuration import NO_ENFORCEMENT
from ibstack.formats.opensm.in_force import Enforcement
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import OPENSM_ARGS, Unread, shown
from ibstack.verify.fabric.opensm_conf import judged, unknown
from ibstack.verify.opensm_files import by_line_alone, options
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.formats.opensm.in_force import Options
    from ibstack.verify.evidence import Evidence
    from ibstack.verify.fabric.look import EnforcingPort, FabricLook
    from ibstack.verify.site import Site

_SOURCE: Final = "SwitchInfo, PortInfo of each port of a switch"


def _look(site: Site) -> Iterator[Seen]:
    for host in site.subnet_manager_hosts():
        said = options(host)
        if isinstance(said, Unread):
            yield _by_line(host) or unknown(host, said)
        else:
            holds, found = _by_options(said)
            yield judged(host, holds=holds, found=found)

    def at_ports(fabric: FabricLook) -> Iterator[Seen]:
        return not_one_by_one(_at_each(fabric), _SOURCE, "ports of switches")

    yield from on_fabric(at_ports)(site)


def _by_line(host: Evidence) -> Seen | None:
    """Judge an OpenSM of which the command line alone is known; None: it does not tell."""
    said = by_line_alone(host)
    now, *_ = said.enforcement()
    if now is Enforcement.BOTH:
        return None
    holds, found = _by_options(said)
    return Seen(host.host, holds, found, shown(OPENSM_ARGS))


def _by_options(said: Options) -> tuple[bool | None, str]:
    """Judge what OpenSM was told: by its file, and by a command line that may be overruled."""
    now, *later = said.enforcement()
    if now is None:
        return None, "OpenSM does not start with this part_enforce"
    found = f"part_enforce {now.value}"
    if said.file.flag(NO_ENFORCEMENT):
        found += " by no_partition_enforcement TRUE"
    elif said.told.has(command_line.NO_ENFORCEMENT) or said.told.has(command_line.ENFORCEMENT):
        found += f" with {shown(OPENSM_ARGS)}"
    if now is not Enforcement.BOTH or not later:
        return now is Enforcement.BOTH, found
    return None, f"{found}; opensm.conf says another, which holds if it was changed since the start"


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
    "set part_enforce both in opensm.conf, and neither no_partition_enforcement there nor -N or -Z"
    " on OpenSM's command line; where one port alone is off, its keys may fill the"
    " switch's table (enforcement-capacity)",
    _look,
)

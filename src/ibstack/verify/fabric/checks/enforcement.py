# SPDX-License-Identifier: Apache-2.0
"""Switches enforce partitions at the ports of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import OPENSM_ARGS, Missing, shown
from ibstack.facts.opensm_files import by_line_alone, options
from ibstack.formats.opensm import command_line
from ibstack.formats.opensm.configuration import NO_ENFORCEMENT
from ibstack.formats.opensm.in_force import Enforcement
from ibstack.mad.datagrams import ENTRIES_OF_A_BLOCK
from ibstack.verify.check import Observation, rule
from ibstack.verify.fabric.opensm_conf import judged, unknown
from ibstack.verify.selectors import on_fabric, summarize_ok

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.fabric.partition import TableEntry
    from ibstack.facts.evidence import Evidence
    from ibstack.facts.fabric.observed import EnforcingPort, ObservedFabric
    from ibstack.facts.site import Site
    from ibstack.formats.opensm.in_force import Options

_BOTH_TABLES: Final = "P_KeyTable of each port of a switch, and of the port behind it"


@rule(
    "enforced-tables",
    "the switch enforces the keys that the port behind it holds",
    "the same keys in both tables",
    "`ibstack partition audit`: one of the two tables was written behind OpenSM's back, and is"
    " written anew when the port's partitions change or its cable is pulled",
)
@on_fabric
@summarize_ok(_BOTH_TABLES, "ports of switches")
def enforced_tables(fabric: ObservedFabric) -> Iterator[Observation]:
    """What a switch lets through at a port is what the port behind it holds."""
    behind = fabric.behind()
    for switch_port in fabric.switch_ports:
        port = behind.get((switch_port.switch, switch_port.number))
        if port is None or port.table is None or switch_port.table is None:
            continue
        # The switch is told one form of each key: the full one where the port has both.
        keys = {entry.partition for entry in port.held}
        passed = {entry.partition for entry in switch_port.held}
        more = [entry for entry in switch_port.held if entry.partition not in keys]
        fewer = [entry for entry in port.held if entry.partition not in passed]
        found = _entry_list("lets through", more) + _entry_list("stops", fewer)
        holds = not more and not fewer
        yield Observation(
            port.host, holds, "; ".join(found) or "equal", _BOTH_TABLES, str(switch_port)
        )


def _entry_list(verb: str, entries: Iterable[TableEntry]) -> list[str]:
    listed = " ".join(str(entry) for entry in sorted(entries))
    return [f"{verb} {listed}"] if listed else []


_ROOM_AND_TABLE: Final = "SwitchInfo, P_KeyTable of the port behind it"


# opensm/osm_pkey_mgr.c switches enforcement off there; its line, ERR 0507, need not be in the log.
@rule(
    "enforcement-capacity",
    "the keys of the port fit its switch's table",
    "no more keys than SwitchInfo.PartitionEnforcementCap, its last block of 32 not full",
    "give the host fewer networks: OpenSM switches enforcement off at a port whose keys do not fit,"
    " or just fit, without a line in its log",
    rank=4,
)
@on_fabric
@summarize_ok(_ROOM_AND_TABLE, "ports of switches")
def enforcement_capacity(fabric: ObservedFabric) -> Iterator[Observation]:
    """The keys of each port fit the table by which its switch enforces partitions."""
    behind = fabric.behind()
    for switch_port in fabric.switch_ports:
        port = behind.get((switch_port.switch, switch_port.number))
        if port is None or port.table is None:
            continue  # Another switch, or what another check tells of.
        # Of a key that is held full and limited OpenSM writes the full entry alone.
        keys = {entry.partition for entry in port.held}
        found = f"{len(keys)} keys, room for {switch_port.capacity}"
        yield Observation(
            port.host,
            _fits(len(keys), switch_port.capacity),
            found,
            _ROOM_AND_TABLE,
            str(switch_port),
        )


def _fits(keys: int, capacity: int) -> bool:
    """Tell whether OpenSM leaves the check on.

    It reckons in blocks, and switches the check off where the last one would be full, even where
    the keys just fit (seen on OpenSM 3.3.23, tests/real/test_enforcement_lost.py).
    """
    blocks = -(-capacity // ENTRIES_OF_A_BLOCK)
    return keys <= capacity and keys < blocks * ENTRIES_OF_A_BLOCK


_SWITCH_PORTS: Final = "SwitchInfo, PortInfo of each port of a switch"


@rule(
    "enforcement-on",
    "switches check partition keys at the ports of hosts",
    "enforced both ways",
    "set part_enforce both in opensm.conf, and neither no_partition_enforcement there nor -N or -Z"
    " on OpenSM's command line; where one port alone is off, its keys may fill the"
    " switch's table (enforcement-capacity)",
)
def enforcement_on(site: Site) -> Iterator[Observation]:
    """Switches check partition keys at the ports of hosts."""
    for host in site.subnet_manager_hosts():
        said = options(host)
        if isinstance(said, Missing):
            yield _by_line(host) or unknown(host, said)
        else:
            holds, found = _by_options(said)
            yield judged(host, holds=holds, found=found)
    yield from _at_ports(site)


def _by_line(host: Evidence) -> Observation | None:
    """Judge an OpenSM of which the command line alone is known; None: it does not tell."""
    said = by_line_alone(host)
    now, *_ = said.enforcement()
    if now is Enforcement.BOTH:
        return None
    holds, found = _by_options(said)
    return Observation(host.host, holds, found, shown(OPENSM_ARGS))


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


@on_fabric
@summarize_ok(_SWITCH_PORTS, "ports of switches")
def _at_ports(fabric: ObservedFabric) -> Iterator[Observation]:
    adapters = {port.guid: port for port in fabric.adapters}
    anywhere = any(port.enforces for port in fabric.switch_ports)
    for switch_port in fabric.switch_ports:
        port = adapters.get(switch_port.peer) if switch_port.peer else None
        if port is not None:
            holds, found = _judged(switch_port, anywhere=anywhere)
            yield Observation(port.host, holds, found, _SWITCH_PORTS, str(switch_port))


def _judged(port: EnforcingPort, *, anywhere: bool) -> tuple[bool | None, str]:
    if port.enforces:
        return True, "enforced"
    if port.can_enforce is False:
        # ibsim's say so, and keep no such bits.
        return None, "not enforced: the switch says that it cannot"
    if port.can_enforce is None and not anywhere:
        return None, "not enforced at any port, and whether switches could was not collected"
    return False, "not enforced"

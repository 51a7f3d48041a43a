# SPDX-License-Identifier: Apache-2.0
"""Multicast groups: as they were asked for, and room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import Missing, shown
from ibstack.facts.fabric.groups import dumped_by, sa_dump_name, shown_to
from ibstack.mad import NodeType
from ibstack.subnet_manager.opensm.group_audit import audit_groups
from ibstack.subnet_manager.opensm.multicast_groups import wanted_groups
from ibstack.verify.check import Observation, rule
from ibstack.verify.fabric.files import groups_made, place, statements, unknown
from ibstack.verify.selectors import on_fabric

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ibstack.fabric.partition import PartitionKey
    from ibstack.facts.evidence import Evidence
    from ibstack.facts.fabric.multicast_group import MulticastGroup
    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.fabric.sa_dump import Groups
    from ibstack.facts.site import Site

_MULTICAST_CAP: Final = "SwitchInfo.MulticastFDBCap"


# Seen on OpenSM 3.3.23: ERR 1B19 get_new_mlid failed, and no IPoIB on the partitions beyond.
@rule(
    "multicast-capacity",
    "switches have room for the multicast groups that OpenSM makes of the partitions file",
    "fewer groups than MulticastFDBCap: IPoIB makes more while it runs",
    "use fewer networks on this fabric, or switches with a larger MulticastFDBCap: IPoIB does not"
    " work on those beyond (ERR 1B19 in OpenSM's log)",
)
def multicast_capacity(site: Site) -> Iterator[Observation]:
    """Switches can forward the groups that a partitions file makes, with room for others."""
    hosts = site.subnet_manager_hosts()
    source = ", ".join([_MULTICAST_CAP, *dict.fromkeys(place(host) for host in hosts)])
    made = [number for host in hosts if (number := groups_made(host)) is not None]
    needed = max(made, default=None)

    def judge(fabric: ObservedFabric) -> Iterator[Observation]:
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
            yield Observation("", None, why, source)
            return
        found = f"{needed} groups, room for {min(caps)}"
        yield Observation("", needed < min(caps), found, source)

    return on_fabric(judge)(site)


_SAQUERY: Final = "`saquery -g`"


# Seen on OpenSM 3.3.23 (tests/real/test_multicast_groups.py): only a restart, a take-over by
# another OpenSM, or a partition that was away while nobody had joined makes a group anew.
@rule(
    "multicast-groups",
    "each multicast group is as the partitions file asks for",
    "the mtu, rate, sl and Q_Key of the file",
    "restart OpenSM, or have a standby with the same file take over: a group stays as it was made"
    " (docs/how-to/mtu.md); of a group that is missing OpenSM's log says why",
    rank=6,
)
def multicast_groups(site: Site) -> Iterator[Observation]:
    """Groups are as the partitions file asks for: OpenSM keeps them as they were made."""
    host = _host_of_master(site)
    if host is None:
        why = "the files of the master's host were not collected, or which one it is is not known"
        yield Observation("", None, why, _SAQUERY)
        return
    said = statements(host)
    if isinstance(said, Missing):
        yield unknown(host, said)
        return
    wanted = wanted_groups(said)
    name = sa_dump_name(host)
    dumped = dumped_by(host)
    if isinstance(dumped, Missing):
        told = shown_to(site.hosts.values())
        yield from _compared(host, _dumped(wanted, told), told, (), _SAQUERY)
        left = len(wanted.keys() - told.keys())
        if left:
            why = f"{left} groups, which no host was told of: {dumped.why}"
            yield Observation(host.host, None, why, f"{shown(name)}, {_SAQUERY}")
    else:
        yield from _compared(host, wanted, dumped, _reached(site), shown(name))


def _dumped(wanted: Groups, told: Groups) -> Groups:
    return {mgid: group for mgid, group in wanted.items() if mgid in told}


def _compared(
    host: Evidence,
    wanted: Groups,
    there: Groups,
    reached: Collection[PartitionKey],
    source: str,
) -> Iterator[Observation]:
    source = f"{source}, {place(host)}"
    found = audit_groups(wanted.values(), there, reached, _always).found
    for drift in found:
        thing = f"partition {drift.entry.partition}" if drift.entry else ""
        yield Observation(host.host, False, f"{drift.kind.value}: {drift.detail}", source, thing)
    if not found and wanted:
        yield Observation(host.host, True, f"{len(wanted)} groups", source)


def _always(group: MulticastGroup) -> bool:
    del group  # What was collected has stood for a while.
    return True


def _reached(site: Site) -> frozenset[PartitionKey]:
    """Return the keys that ports hold; none where the fabric was not looked at."""
    ports = () if isinstance(site.fabric, Missing) else site.fabric.ports
    return frozenset(entry.partition for port in ports for entry in port.held)


def _host_of_master(site: Site) -> Evidence | None:
    """Return the host whose OpenSM is in office: its file and its dump count."""
    hosts = site.subnet_manager_hosts()
    if isinstance(site.fabric, Missing):
        return hosts[0] if len(hosts) == 1 else None
    masters = {port.host for port in site.fabric.managers if port.is_master}
    return next((host for host in hosts if masters == {host.host}), None)

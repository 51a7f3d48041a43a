# SPDX-License-Identifier: Apache-2.0
"""One master, a standby that takes over soon, and both listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import Missing
from ibstack.mad import SmState
from ibstack.verify.check import Observation, rule
from ibstack.verify.fabric.files import full_in_default, listed_full, place, statements, unknown
from ibstack.verify.fabric.opensm_conf import each_opensm_conf, judged
from ibstack.verify.selectors import each_subnet_manager_host, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.site import Site
    from ibstack.formats.opensm.in_force import Options

_REMEDIES: Final = {
    0: "start OpenSM on the SM hosts, and look at its log",
    1: "start OpenSM on a second SM host: without one nothing changes while the first is away",
    2: "give every subnet manager the same sm_key: those with another do not trust each other",
}
_SM_INFO: Final = "SMInfo of each port with a subnet manager"


@rule(
    "one-master",
    "one subnet manager is master, and another stands by",
    "1 master, and a standby",
    _REMEDIES[1],
)
@on_fabric
def one_master(fabric: ObservedFabric) -> Iterator[Observation]:
    """One subnet manager is master, and another stands by."""
    silent = [port for port in fabric.managers if port.sm_state is None]
    for port in silent:
        yield Observation(
            port.host, None, "its subnet manager does not answer", _SM_INFO, str(port)
        )
    states = [port.sm_state for port in fabric.managers]
    masters, standbys = states.count(SmState.MASTER), states.count(SmState.STANDBY)
    found = f"{masters} master, {standbys} standby"
    if silent and masters < 2:
        return
    remedy = _REMEDIES.get(masters, _REMEDIES[2])
    yield Observation("", masters == 1 and standbys > 0, found, _SM_INFO, remedy=remedy)


# Seen on OpenSM 3.3.23: SELF is the manager in office; after a failover the former one is limited.
@rule(
    "sm-listed",
    "every subnet manager's port is listed as a full member of the default partition",
    "each port GUID as full in the Default line",
    "where it is the site's own, add it to full_default_members of /etc/ibstack/fabricd.conf on"
    " every SM host, and restart ibstack-fabricd",
    rank=4,
)
def sm_listed(site: Site) -> Iterator[Observation]:
    """Each subnet manager's port is a full member of the default partition in each file."""
    fabric = site.fabric
    if isinstance(fabric, Missing):
        yield Observation("", None, fabric.why, "the fabric")
        return
    managers = {port.guid: port for port in fabric.managers}

    def judge(host: Evidence) -> Iterator[Observation]:
        said = statements(host)
        if isinstance(said, Missing):
            yield unknown(host, said)
            return
        missing = [managers[guid] for guid in sorted(managers.keys() - full_in_default(said))]
        found = ", ".join(f"{port.guid} of {port.node}" for port in missing)
        found = f"not listed: {found}" if missing else f"all {len(managers)} are"
        yield Observation(host.host, not missing, found, place(host))

    yield from each_subnet_manager_host(judge)(site)


@rule(
    "site-managers",
    "the subnet managers of the fabric are the site's own",
    "on ports that full_default_members lists",
    "stop the one that is not yours, or pull its cable: it can have every port, and with the"
    " site's sm_key it takes the fabric over; list its port in full_default_members if it is yours",
    rank=3,
)
def site_managers(site: Site) -> Iterator[Observation]:
    """Every subnet manager of the fabric runs on a port that the site's own files list."""
    known = frozenset().union(*(listed_full(host) for host in site.subnet_manager_hosts()))

    def judge(fabric: ObservedFabric) -> Iterator[Observation]:
        if not known:
            yield Observation("", None, "no file that lists the site's was collected", _SM_INFO)
            return
        for port in fabric.managers:
            state = port.sm_state.name.lower() if port.sm_state else "does not answer"
            yield Observation(
                port.host, port.guid in known, f"{state}, not listed", _SM_INFO, str(port)
            )

    @on_fabric
    def summed(fabric: ObservedFabric) -> Iterator[Observation]:
        seen = list(judge(fabric))
        yield from (each for each in seen if each.holds is not True)
        if seen and all(each.holds for each in seen):
            yield Observation("", True, f"{len(seen)} are listed", _SM_INFO)

    yield from summed(site)


_LONGEST_S: Final = 5.0


# Seen on OpenSM 3.3.23, kill -9 of the master, 50 hosts: 10000 ms and 4: 55 s; 1000 and 2: 3.2 s.
@rule(
    "standby-polling",
    "a standby takes over soon",
    f"within {_LONGEST_S:g} s",
    "set sminfo_polling_timeout 1000 and polling_retry_number 2 in opensm.conf of every SM host",
)
@each_opensm_conf
def standby_polling(host: Evidence, said: Options) -> Iterator[Observation]:
    """A standby notices soon that the master is gone: until then nothing can change."""
    timeout_ms = said.file.number("sminfo_polling_timeout")
    tries = said.file.number("polling_retry_number")
    after_s = timeout_ms * (tries + 1) / 1000
    found = f"{after_s:g} s ({timeout_ms} ms, {tries} more tries)"
    yield judged(host, holds=after_s <= _LONGEST_S, found=found)

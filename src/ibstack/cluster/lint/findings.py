# SPDX-License-Identifier: Apache-2.0
"""All that is wrong with a cloud's configuration; hosts that share a fault are told of once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ClusterShell.NodeSet import NodeSet

from ibstack.cluster.lint.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.cluster.lint.configuration import Cloud
    from ibstack.cluster.lint.finding import Finding, Place


def findings(cloud: Cloud) -> tuple[Finding, ...]:
    """Return what is wrong, by host and file; of the objects of a cluster, first."""
    found = _folded(finding for check in CHECKS for finding in check(cloud))
    return tuple(sorted(found, key=_order))


def _folded(found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings that differ in their host alone as one."""
    alike: dict[Finding, list[Finding]] = {}
    for finding in found:
        alike.setdefault(_without_host(finding), []).append(finding)
    for same in alike.values():
        first = same[0]
        place = replace(first.place, host=_hosts(each.place for each in same))
        if first.other is None:
            yield replace(first, place=place)
            continue
        others = (each.other for each in same if each.other is not None)
        yield replace(first, place=place, other=replace(first.other, host=_hosts(others)))


def _without_host(finding: Finding) -> Finding:
    other = replace(finding.other, host="") if finding.other else None
    return replace(finding, place=replace(finding.place, host=""), other=other)


def _hosts(places: Iterable[Place]) -> str:
    names = {place.host for place in places if place.host}
    return str(NodeSet.fromlist(sorted(names))) if len(names) > 1 else "".join(names)


def _order(finding: Finding) -> tuple[str, str, int, str, str, str]:
    place = finding.place
    return place.host, place.file, place.line or 0, finding.id, finding.key, finding.value

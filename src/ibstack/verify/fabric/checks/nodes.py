# SPDX-License-Identifier: Apache-2.0
"""Every node of the fabric answers, and is told apart from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Observation, rule
from ibstack.verify.selectors import on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.fabric.observed import ObservedFabric

_DATAGRAMS: Final = "management datagrams"


@rule(
    "fabric-read",
    "every port of the fabric can be read",
    "an answer from each",
    "look again; where it stays, set the M_Key that the fabric wants in fabricd.conf (a port gives"
    " no answer to those who have another), and look at the cable",
)
@on_fabric
def fabric_read(fabric: ObservedFabric) -> Iterator[Observation]:
    """All of the fabric answered: what did not answer could be anything."""
    for problem in fabric.problems:
        yield Observation("", False, problem, _DATAGRAMS)
    unread = [(p.host, str(p), p.why_unread) for p in fabric.ports if p.table is None]
    unread += [("", str(p), p.why_unread) for p in fabric.switch_ports if p.table is None]
    for host, thing, why in unread:
        found = ": ".join(filter(None, ("its table could not be read", why)))
        yield Observation(host, False, found, _DATAGRAMS, thing)
    if not fabric.problems and not unread:
        yield Observation("", True, f"{len(fabric.ports)} ports", _DATAGRAMS)


_NODE_INFO: Final = "NodeInfo of each node, and where its cable ends"


# Seen on OpenSM 3.3.23: ERR 0D15; the one that it finds first is served, the other stays down.
@rule(
    "unique-guids",
    "no two nodes have one GUID",
    "a node and port GUID of its own for each",
    "pull the cable of the one that is not to be there; give an adapter its own GUIDs with its"
    " firmware tools (`mstflint -d DEVICE -guid … sg`), and a VF by unplugging its instance",
    rank=3,
)
@on_fabric
def unique_guids(fabric: ObservedFabric) -> Iterator[Observation]:
    """Each GUID is one node's: keys are given by GUID, and OpenSM serves one port of each."""
    if fabric.shared is None:
        yield Observation("", None, "it was collected by a version that did not look", _NODE_INFO)
        return
    for shared in fabric.shared:
        yield Observation("", False, str(shared), _NODE_INFO, f"GUID {shared.guid}")
    if not fabric.shared:
        yield Observation("", True, f"{len(fabric.ports)} ports", _NODE_INFO)

# SPDX-License-Identifier: Apache-2.0
"""Each GUID is one node's: keys are given by GUID, and OpenSM serves one port of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook

_SOURCE: Final = "NodeInfo of each node, and where its cable ends"


def _look(fabric: FabricLook) -> Iterator[Seen]:
    if fabric.shared is None:
        yield Seen("", None, "it was collected by a version that did not look", _SOURCE)
        return
    for shared in fabric.shared:
        yield Seen("", False, str(shared), _SOURCE, f"GUID {shared.guid}")
    if not fabric.shared:
        yield Seen("", True, f"{len(fabric.ports)} ports", _SOURCE)


# Seen on OpenSM 3.3.23: ERR 0D15; the one that it finds first is served, the other stays down.
RULE: Final = Rule(
    "unique-guids",
    "no two nodes have one GUID",
    "a node and port GUID of its own for each",
    "pull the cable of the one that is not to be there; give an adapter its own GUIDs with its"
    " firmware tools (`mstflint -d DEVICE -guid … sg`), and a VF by unplugging its instance",
    on_fabric(_look),
    rank=3,
)

# SPDX-License-Identifier: Apache-2.0
"""All of the fabric answered: what did not answer could be anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook

_SOURCE: Final = "management datagrams"


def _look(fabric: FabricLook) -> Iterator[Seen]:
    for problem in fabric.problems:
        yield Seen("", False, problem, _SOURCE)
    unread = [(p.host, str(p), p.why_unread) for p in fabric.ports if p.table is None]
    unread += [("", str(p), p.why_unread) for p in fabric.switch_ports if p.table is None]
    for host, thing, why in unread:
        found = ": ".join(filter(None, ("its table could not be read", why)))
        yield Seen(host, False, found, _SOURCE, thing)
    if not fabric.problems and not unread:
        yield Seen("", True, f"{len(fabric.ports)} ports", _SOURCE)


RULE: Final = Rule(
    "fabric-read",
    "every port of the fabric can be read",
    "an answer from each",
    "look again; where it stays, set the M_Key that the fabric wants in fabricd.conf (a port gives"
    " no answer to those who have another), and look at the cable",
    on_fabric(_look),
)

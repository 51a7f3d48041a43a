# SPDX-License-Identifier: Apache-2.0
"""Every subnet manager of the fabric runs on a port that the site's own files list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.checks.open_default import listed_full
from ibstack.verify.site import on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook
    from ibstack.verify.site import Site

_SOURCE: Final = "SMInfo of each port with a subnet manager"


def _look(site: Site) -> Iterator[Seen]:
    listed = [listed_full(host) for host in site.subnet_manager_hosts()]
    known = frozenset().union(*(each for each in listed if not isinstance(each, Unread)))

    def judge(fabric: FabricLook) -> Iterator[Seen]:
        if not known:
            yield Seen("", None, "no file that lists the site's was collected", _SOURCE)
            return
        for port in fabric.managers:
            state = port.sm_state.name.lower() if port.sm_state else "does not answer"
            yield Seen(port.host, port.guid in known, f"{state}, not listed", _SOURCE, str(port))

    def summed(fabric: FabricLook) -> Iterator[Seen]:
        seen = list(judge(fabric))
        yield from (each for each in seen if each.holds is not True)
        if seen and all(each.holds for each in seen):
            yield Seen("", True, f"{len(seen)} are listed", _SOURCE)

    yield from on_fabric(summed)(site)


RULE: Final = Rule(
    "site-managers",
    "the subnet managers of the fabric are the site's own",
    "on ports that full_default_members lists",
    "stop the one that is not yours, or pull its cable: it can have every port, and with the"
    " site's sm_key it takes the fabric over; list its port in full_default_members if it is yours",
    _look,
    rank=3,
)

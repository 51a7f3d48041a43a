# SPDX-License-Identifier: Apache-2.0
"""Each subnet manager's port is listed as a full member of the default partition in each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.files import full_in_default, place, statements, unknown
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.site import Site


def _look(site: Site) -> Iterator[Seen]:
    fabric = site.fabric
    if isinstance(fabric, Unread):
        yield Seen("", None, fabric.why, "the fabric")
        return
    managers = {port.guid: port for port in fabric.managers}

    def judge(host: Evidence) -> Iterator[Seen]:
        said = statements(host)
        if isinstance(said, Unread):
            yield unknown(host, said)
            return
        missing = [managers[guid] for guid in sorted(managers.keys() - full_in_default(said))]
        found = ", ".join(f"{port.guid} of {port.node}" for port in missing)
        found = f"not listed: {found}" if missing else f"all {len(managers)} are"
        yield Seen(host.host, not missing, found, place(host))

    yield from each_subnet_manager_host(judge)(site)


# Seen on OpenSM 3.3.23: SELF is the manager in office; after a failover the former one is limited.
RULE: Final = Rule(
    "sm-listed",
    "every subnet manager's port is listed as a full member of the default partition",
    "each port GUID as full in the Default line",
    "where it is the site's own, add it to full_default_members of /etc/ibstack/fabricd.conf on"
    " every SM host, and restart ibstack-fabricd",
    _look,
    rank=4,
)

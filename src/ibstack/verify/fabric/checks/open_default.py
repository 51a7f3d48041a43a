# SPDX-License-Identifier: Apache-2.0
"""No port is a full member of the default partition but those that are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import FABRICD_CONF, Unread, last, words
from ibstack.verify.fabric.files import full_in_default, statements
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.fabric.look import FabricLook
    from ibstack.verify.site import Site

_OPEN: Final = TableEntry(DEFAULT_PARTITION, full_member=True)
_SOURCE: Final = "P_KeyTable of each port"


def _look(site: Site) -> Iterator[Seen]:
    known = site.subnet_manager_hosts()
    listed = {guid for host in known for guid in listed_full(host)}
    names = {host.host for host in known}

    def judge(fabric: FabricLook) -> Iterator[Seen]:
        # The subnet manager in office is one by SELF.  Any host can set the bit that says that it
        # has one, so what calls itself one beside it has to be a host whose files say so.
        masters = [port.guid for port in fabric.managers if port.is_master]
        allowed = listed | {port.guid for port in fabric.managers if port.host in names}
        allowed |= set(masters) if len(masters) == 1 else set()
        for port in fabric.adapters:
            if port.table is not None:
                holds = _OPEN not in port.held or port.guid in allowed
                yield Seen(port.host, holds, f"{_OPEN} in its table", _SOURCE, str(port))

    def summed(fabric: FabricLook) -> Iterator[Seen]:
        return not_one_by_one(judge(fabric), _SOURCE, "ports")

    return on_fabric(summed)(site)


def listed_full(host: Evidence) -> frozenset[Guid]:
    """Return who may be a full member of the default partition, by the host's files."""
    said, keys = statements(host), host.ini(FABRICD_CONF)
    found = frozenset() if isinstance(said, Unread) else full_in_default(said)
    if isinstance(keys, Unread):
        return found
    members = words(last(keys, "fabric", "full_default_members"))
    try:
        return found | {Guid.parse(guid) for guid in members}
    except BadValue:
        return found  # ibstack-fabricd refuses such a file.


RULE: Final = Rule(
    "open-default",
    "no port is a full member of the default partition unless it is listed",
    "0x7fff, limited",
    "look whether OpenSM could read its file (`retrying with default config` in its log);"
    " `ibstack partition audit` has it mended; list the port in full_default_members if it is one",
    _look,
    rank=4,
)

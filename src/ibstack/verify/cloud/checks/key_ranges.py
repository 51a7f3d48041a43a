# SPDX-License-Identifier: Apache-2.0
"""Keys that Neutron gives out are keys that ibstack-fabricd may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange, PartitionKey
from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.networks import PLACE, servers
from ibstack.verify.evidence import FABRICD_CONF, Unread, last, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.formats.ini import Keys
    from ibstack.verify.cloud.networks import Ml2
    from ibstack.verify.site import Site


def _look(site: Site) -> Iterator[Seen]:
    known, hosts = servers(site), site.subnet_manager_hosts()
    if not known:
        yield Seen("", None, "no server's file was collected", PLACE)
    if not hosts:
        yield Seen("", None, "no SM host's file was collected", shown(FABRICD_CONF))
    for host in hosts:
        keys = host.ini(FABRICD_CONF)
        if not isinstance(keys, Unread):
            for server in known:
                yield from _of(server, host.host, keys)
        elif not keys.absent:  # Static partitions are given out by hand.
            yield host.unknown(FABRICD_CONF, keys)


def _of(server: Ml2, host: str, keys: Keys) -> Iterator[Seen]:
    network = (last(keys, "fabric", "physical_network") or "").strip()
    text = last(keys, "fabric", "owned_keys") or str(DEFAULT_OWNED_KEYS)
    place = f"{server.place}, {shown(FABRICD_CONF)} of {host}"
    try:
        owned = KeyRange.parse(text)
    except BadValue as error:
        yield Seen(host, False, str(error), place, "owned_keys")
        return
    for name, first, final in server.ranges():
        if name == network:
            thing = f"physical network {name}"
            found = f"{first}:{final}" if first is not None else "every VLAN id, 1:4094"
            wanted = f"within {owned.first.base}:{owned.last.base} (owned_keys of {host})"
            yield Seen(server.host, _within(first, final, owned), found, place, thing, wanted)


def _within(first: int | None, final: int | None, owned: KeyRange) -> bool:
    try:
        return PartitionKey(first or 1) in owned and PartitionKey(final or 4094) in owned
    except BadValue:
        return False


RULE: Final = Rule(
    "key-ranges",
    "the keys that Neutron gives out are ibstack's",
    "within owned_keys",
    "narrow [ml2_type_vlan] network_vlan_ranges, or widen [fabric] owned_keys on every SM host:"
    " a port with another key is not served",
    _look,
)

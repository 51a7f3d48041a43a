# SPDX-License-Identifier: Apache-2.0
"""The keys by which subnet managers and administrators trust each other are not the defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.opensm_conf import number, options, place, unknown
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_DEFAULT: Final = 1
_KEYS: Final = ("sm_key", "sa_key")


def _look(host: Evidence) -> Iterator[Seen]:
    said = options(host)
    if isinstance(said, Unread):
        yield unknown(host, said)
        return
    known = [name for name in _KEYS if number(said[name]) in (0, _DEFAULT)]
    found = ", ".join(f"{name} {number(said[name])}" for name in known) or "both set"
    yield Seen(host.host, not known, found, place(host))


# opensm(8): SM_Key and SA_Key are 1 unless set, on every OpenSM there is.
RULE: Final = Rule(
    "sm-key",
    "the keys of the subnet manager are not the defaults",
    "sm_key and sa_key of your own",
    "set sm_key and sa_key to random numbers of 64 bits in opensm.conf, the same on every SM host,"
    " and restart OpenSM",
    each_subnet_manager_host(_look),
    rank=8,
)

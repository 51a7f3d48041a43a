# SPDX-License-Identifier: Apache-2.0
"""The keys by which subnet managers and administrators trust each other are not the defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.opensm_conf import judged, key, sm_keys, unknown
from ibstack.verify.opensm_files import options
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.check import Seen
    from ibstack.verify.evidence import Evidence

_KNOWN: Final = (0, 1)


def _look(host: Evidence) -> Iterator[Seen]:
    said = options(host)
    if isinstance(said, Unread):
        yield unknown(host, said)
        return
    first, *later = sm_keys(said)
    sa_key = key(said, "sa_key")
    known = [f"sm_key {first}"] if first in _KNOWN else []
    known += [f"sa_key {sa_key}"] if sa_key in _KNOWN else []
    if known or not any(each in _KNOWN for each in later):
        yield judged(host, holds=not known, found=", ".join(known) or "both set")
    else:
        why = f"sm_key {later[0]} of the file holds if it was changed since the start"
        yield judged(host, holds=None, found=why)


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

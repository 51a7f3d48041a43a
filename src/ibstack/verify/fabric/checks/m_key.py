# SPDX-License-Identifier: Apache-2.0
"""Without an M_Key any host that can send management datagrams rewrites tables of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.opensm.configuration import PROTECTION_LEVEL
from ibstack.verify.check import Rule
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.opensm_conf import judged, key, unknown
from ibstack.verify.opensm_files import options
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.check import Seen
    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    said = options(host)
    if isinstance(said, Unread):
        yield unknown(host, said)
        return
    is_set = key(said, "m_key") != 0
    level = said.file.number(PROTECTION_LEVEL)
    # The key itself is never said.
    found = f"m_key {'set' if is_set else '0'}, m_key_protection_level {level}"
    yield judged(host, holds=is_set and level > 0, found=found)


# IBTA vol 1, 14.2.4; NVIDIA's InfiniBand security guidelines.  A table of another host was
# rewritten from any host where m_key was 0.
RULE: Final = Rule(
    "m-key",
    "the subnet manager's M_Key is not the default",
    "m_key of your own, m_key_protection_level 2",
    "set m_key to a random number of 64 bits, m_key_protection_level 2 and m_key_lease_period 60 in"
    " opensm.conf of every SM host, the same number as m_key of fabricd.conf, and restart OpenSM",
    each_subnet_manager_host(_look),
    rank=8,
)

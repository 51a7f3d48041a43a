# SPDX-License-Identifier: Apache-2.0
"""The keys of management datagrams are not the defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.fabric.opensm_keys import key, sm_keys
from ibstack.formats.opensm.configuration import PROTECTION_LEVEL
from ibstack.verify.check import Observation, rule
from ibstack.verify.fabric.opensm_conf import each_opensm_conf, judged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.formats.opensm.in_force import Options


# IBTA vol 1, 14.2.4; NVIDIA's InfiniBand security guidelines.  A table of another host was
# rewritten from any host where m_key was 0.
@rule(
    "m-key",
    "the subnet manager's M_Key is not the default",
    "m_key of your own, m_key_protection_level 2",
    "set m_key to a random number of 64 bits, m_key_protection_level 2 and m_key_lease_period 60 in"
    " opensm.conf of every SM host, the same number as m_key of fabricd.conf, and restart OpenSM",
    rank=8,
)
@each_opensm_conf
def m_key(host: Evidence, said: Options) -> Iterator[Observation]:
    """Without an M_Key any host that can send management datagrams rewrites tables of others."""
    is_set = key(said, "m_key") != 0
    level = said.file.number(PROTECTION_LEVEL)
    # The key itself is never said.
    found = f"m_key {'set' if is_set else '0'}, m_key_protection_level {level}"
    yield judged(host, holds=is_set and level > 0, found=found)


_DEFAULTS: Final = (0, 1)


# opensm(8): SM_Key and SA_Key are 1 unless set, on every OpenSM there is.
@rule(
    "sm-key",
    "the keys of the subnet manager are not the defaults",
    "sm_key and sa_key of your own",
    "set sm_key and sa_key to random numbers of 64 bits in opensm.conf, the same on every SM host,"
    " and restart OpenSM",
    rank=8,
)
@each_opensm_conf
def sm_key(host: Evidence, said: Options) -> Iterator[Observation]:
    """Keys by which subnet managers and administrators trust each other are the site's own."""
    first, *later = sm_keys(said)
    sa_key = key(said, "sa_key")
    known = [f"sm_key {first}"] if first in _DEFAULTS else []
    known += [f"sa_key {sa_key}"] if sa_key in _DEFAULTS else []
    if known or not any(each in _DEFAULTS for each in later):
        yield judged(host, holds=not known, found=", ".join(known) or "both set")
    else:
        why = f"sm_key {later[0]} of the file holds if it was changed since the start"
        yield judged(host, holds=None, found=why)

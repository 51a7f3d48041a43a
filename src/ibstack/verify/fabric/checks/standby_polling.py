# SPDX-License-Identifier: Apache-2.0
"""A standby notices soon that the master is gone: until then nothing can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.opensm_conf import judged, unknown
from ibstack.verify.opensm_files import options
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.check import Seen
    from ibstack.verify.evidence import Evidence

_LONGEST_S: Final = 5.0


def _look(host: Evidence) -> Iterator[Seen]:
    said = options(host)
    if isinstance(said, Unread):
        yield unknown(host, said)
        return
    timeout_ms = said.file.number("sminfo_polling_timeout")
    tries = said.file.number("polling_retry_number")
    after_s = timeout_ms * (tries + 1) / 1000
    found = f"{after_s:g} s ({timeout_ms} ms, {tries} more tries)"
    yield judged(host, holds=after_s <= _LONGEST_S, found=found)


# Seen on OpenSM 3.3.23, kill -9 of the master, 50 hosts: 10000 ms and 4: 55 s; 1000 and 2: 3.2 s.
RULE: Final = Rule(
    "standby-polling",
    "a standby takes over soon",
    f"within {_LONGEST_S:g} s",
    "set sminfo_polling_timeout 1000 and polling_retry_number 2 in opensm.conf of every SM host",
    each_subnet_manager_host(_look),
)

# SPDX-License-Identifier: Apache-2.0
"""Every subnet manager has a partitions file: without one OpenSM opens the fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.fabric.files import place, unknown
from ibstack.verify.opensm_files import partitions
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    text = partitions(host)
    if isinstance(text, str):
        yield Seen(host.host, True, f"{text.count(chr(10))} lines", place(host))
    elif text.absent:
        yield Seen(host.host, False, "there is no such file", place(host))
    else:
        yield unknown(host, text)


# Seen on OpenSM 3.3.23 (tests/real/test_opensm_fails_open.py).
RULE: Final = Rule(
    "partitions-present",
    "the subnet manager has a partitions file",
    "a file",
    "start ibstack-fabricd there: at its next heavy sweep OpenSM makes every port a full member of"
    " the default partition",
    each_subnet_manager_host(_look),
    rank=1,
)

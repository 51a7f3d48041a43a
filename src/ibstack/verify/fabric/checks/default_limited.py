# SPDX-License-Identifier: Apache-2.0
"""The partitions file makes every port a limited member of the default partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.statement import Standing
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.files import default_of_all, located, place, reading, unknown
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    said = reading(host)
    if isinstance(said, Unread):
        if not said.absent:  # Another check says that there is none.
            yield unknown(host, said)
        return
    standing = default_of_all(said.statements)
    if said.refused is not None:
        why = f"OpenSM refuses the file: {located(host, said.refused)}"
        yield Seen(host.host, False, f"every port full, since {why}", place(host))
    elif standing in (None, Standing.LIMITED) and said.not_known is not None:
        yield Seen(host.host, None, located(host, said.not_known), place(host))
    else:
        # Nothing said of it: OpenSM makes every port a limited member (doc/partition-config.txt).
        found = f"ALL={standing.value}" if standing else "nothing of 0x7fff, which means limited"
        yield Seen(host.host, standing in (None, Standing.LIMITED), found, place(host))


RULE: Final = Rule(
    "default-limited",
    "ports are limited members of the default partition",
    "Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full",
    "let ibstack-fabricd write the file (`ibstack-fabricd --take-over`), or write ALL=limited:"
    " as it is every tenant reaches every host",
    each_subnet_manager_host(_look),
    rank=3,
)

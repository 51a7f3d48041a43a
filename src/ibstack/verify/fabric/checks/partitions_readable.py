# SPDX-License-Identifier: Apache-2.0
"""OpenSM takes the partitions file for what it was meant to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.remark import Effect
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.files import located, place, reading, unknown
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

# Of two that are as bad the first counts.
_WORSE: Final = (Effect.AS_MEANT, Effect.OTHERWISE, Effect.NOT_KNOWN, Effect.REFUSED)
_HOLDS: Final = {
    Effect.AS_MEANT: True,
    Effect.OTHERWISE: False,
    Effect.NOT_KNOWN: None,
    Effect.REFUSED: False,
}


def _look(host: Evidence) -> Iterator[Seen]:
    said = reading(host)
    if isinstance(said, Unread):
        if not said.absent:
            yield unknown(host, said)
        return
    worst = max(said.remarks, key=lambda remark: _WORSE.index(remark.effect), default=None)
    if worst is None:
        yield Seen(host.host, True, f"{len(said.statements)} statements", place(host))
        return
    others = f", and {len(said.remarks) - 1} more" if len(said.remarks) > 1 else ""
    found = f"{located(host, worst)}{others}"
    if worst.effect is Effect.AS_MEANT:
        found = f"{len(said.statements)} statements; OpenSM takes as meant: {found}"
    yield Seen(host.host, _HOLDS[worst.effect], found, place(host))


# opensm/doc/partition-config.txt; each slip seen on 3.3.23 (formats/partitions_conf/reading.py).
RULE: Final = Rule(
    "partitions-readable",
    "OpenSM reads the partitions file as it was meant",
    "no line that OpenSM refuses, guesses or cuts",
    "`ibstack-fabricd --restore` puts the last good copy back; one line that OpenSM refuses makes"
    " every port a full member of the default partition",
    each_subnet_manager_host(_look),
    rank=2,
)

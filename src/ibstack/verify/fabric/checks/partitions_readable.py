# SPDX-License-Identifier: Apache-2.0
"""OpenSM takes the partitions file for what it was meant to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.subnet_manager.partitions_grammar import PartitionsFileFaults, parse
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.files import place, unknown
from ibstack.verify.opensm_files import partitions
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    text = partitions(host)
    if isinstance(text, Unread):
        if not text.absent:
            yield unknown(host, text)
        return
    try:
        said = parse(text.encode(), place(host))
    except PartitionsFileFaults as error:
        others = f", and {len(error.faults) - 1} more" if len(error.faults) > 1 else ""
        yield Seen(host.host, False, f"{error.faults[0]}{others}", place(host))
    else:
        yield Seen(host.host, True, f"{len(said)} statements", place(host))


# opensm/doc/partition-config.txt; each slip seen on 3.3.23 (partitions_grammar.py).
RULE: Final = Rule(
    "partitions-readable",
    "OpenSM reads the partitions file as it was meant",
    "no line that OpenSM refuses, guesses or cuts",
    "`ibstack-fabricd --restore` puts the last good copy back; one line that OpenSM refuses makes"
    " every port a full member of the default partition",
    each_subnet_manager_host(_look),
    rank=2,
)

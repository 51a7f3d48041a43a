# SPDX-License-Identifier: Apache-2.0
"""Where ibstack-fabricd writes the partitions file, it stands there as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.strict import PartitionsFileFaults
from ibstack.subnet_manager.partitions_conf import read
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import FABRICD_CONF, Unread
from ibstack.verify.fabric.files import place, statements, unknown
from ibstack.verify.opensm_files import partitions
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    text = partitions(host)
    if not host.has(FABRICD_CONF) or isinstance(statements(host), Unread):
        return  # Static partitions are a site's own; and other checks tell of the rest.
    if isinstance(text, Unread):
        yield unknown(host, text)
        return
    try:
        read(text.encode(), place(host))
    except PartitionsFileFaults as error:
        yield Seen(host.host, False, str(error.faults[0]), place(host))
    else:
        yield Seen(host.host, True, "as ibstack-fabricd writes it", place(host))


RULE: Final = Rule(
    "partitions-canonical",
    "the partitions file is as ibstack-fabricd wrote it",
    "not edited since",
    "put partitions of the site into site_partitions; then `ibstack-fabricd --restore`, or"
    " --take-over where the file was there before ibstack",
    each_subnet_manager_host(_look),
    rank=4,
)

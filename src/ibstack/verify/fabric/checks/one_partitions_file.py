# SPDX-License-Identifier: Apache-2.0
"""What ibstack-fabricd writes is what OpenSM reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import FABRICD_CONF, Unread, shown
from ibstack.verify.fabric.opensm_conf import place
from ibstack.verify.opensm_files import read_by_opensm, written_by_fabricd
from ibstack.verify.site import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    written = written_by_fabricd(host)
    if written is None:
        return  # Static partitions are a site's own.
    read = read_by_opensm(host)
    source = f"{place(host)}, {shown(FABRICD_CONF)}"
    if isinstance(read, Unread):
        yield Seen(host.host, None, read.why, source)
    elif read == written:
        yield Seen(host.host, True, f"both name {shown(read)}", source)
    else:
        found = f"OpenSM reads {shown(read)}, and {shown(written)} is written"
        same = host.has(read) and host.text(read) == host.text(written)
        # A link would make them one file; links are not followed here.
        yield Seen(host.host, None if same else False, found, source)


RULE: Final = Rule(
    "one-partitions-file",
    "OpenSM reads the partitions file that ibstack-fabricd writes",
    "one path in both",
    "set partitions_conf of fabricd.conf to the file that OpenSM reads: its option -P, or"
    " partition_config_file in its configuration",
    each_subnet_manager_host(_look),
    rank=1,
)

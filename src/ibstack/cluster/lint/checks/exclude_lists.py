# SPDX-License-Identifier: Apache-2.0
"""Exclude lists of an older store whose lines rsync reads as something else than they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.lint.finding import Finding, Place
from ibstack.cluster.model.exclude_list import read_exclude_list
from ibstack.cluster.model.node_settings import PATTERN_LISTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud


def lines(cloud: Cloud) -> Iterator[Finding]:
    """Yield lines for which an installation is refused."""
    if cloud.view is None:
        return
    for entity in cloud.view.children(None, ("category", "device")):
        for name in PATTERN_LISTS:
            _, faults = read_exclude_list(entity.text(name).splitlines())
            for fault in faults:
                yield Finding(
                    "exclude-list-line",
                    Place(str(entity.path)),
                    name,
                    f"line {fault.number}: {fault.line}",
                    f"{fault.why}; no node is installed with the list",
                    "write one pattern to a line",
                )

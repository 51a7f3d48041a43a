# SPDX-License-Identifier: Apache-2.0
"""All hosts have the same ibstack: its parts speak to each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import PIP_FREEZE, Unread, shown
from ibstack.verify.site import each_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.site import Site

_IBSTACK: Final = re.compile(r"^ibstack(?:==| @ \S*?ibstack-)([0-9][\w.+!]*?)(?:-py3\S*)?$", re.M)


def _look(site: Site) -> Iterator[Seen]:
    known = {host.host: _version(host) for host in site.hosts.values()}
    installed = [version for version in known.values() if version is not None]
    newest = max(installed, key=_order, default="")

    def judge(host: Evidence) -> Iterator[Seen]:
        text, version = host.text(PIP_FREEZE), known[host.host]
        if isinstance(text, Unread):
            yield host.unknown(PIP_FREEZE, text)
        elif version is not None:
            wanted = f"ibstack {newest}, the newest that any host has"
            yield Seen(
                *(host.host, version == newest, f"ibstack {version}"),
                *(shown(PIP_FREEZE), "", wanted),
            )

    return each_host(judge)(site)


def _version(host: Evidence) -> str | None:
    text = host.text(PIP_FREEZE)
    found = _IBSTACK.search(text) if isinstance(text, str) else None
    return found[1] if found else None


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


RULE: Final = Rule(
    "versions",
    "all hosts have the same ibstack",
    "the newest that any host has",
    "upgrade ibstack on the host, and restart its daemons",
    _look,
)

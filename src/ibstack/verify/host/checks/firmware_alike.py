# SPDX-License-Identifier: Apache-2.0
"""Adapters of one type have one firmware: a fault of one host alone is hard to find."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import IBSTAT, Unread, shown
from ibstack.verify.host.ibstat import adapters
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.site import Site


def _look(site: Site) -> Iterator[Seen]:
    versions: dict[str, Counter[str]] = {}
    for host in site.hosts.values():
        for kind, version in _installed(host):
            versions.setdefault(kind, Counter())[version] += 1

    def judge(host: Evidence) -> Iterator[Seen]:
        text = host.text(IBSTAT)
        if isinstance(text, Unread):
            yield host.unknown(IBSTAT, text)
        for kind, version in _installed(host):
            # The one that most have; of several as frequent the last by name, so that it is stable.
            usual = max(versions[kind].items(), key=lambda item: (item[1], item[0]))[0]
            yield Seen(
                host.host,
                version == usual,
                f"firmware {version} of {kind}",
                shown(IBSTAT),
                wanted=f"firmware {usual}, as most have",
            )

    return each_adapter_host(judge)(site)


def _installed(host: Evidence) -> Iterator[tuple[str, str]]:
    text = host.text(IBSTAT)
    if isinstance(text, str):
        for each in adapters(text):
            if each.keys.get("CA type") and each.keys.get("Firmware version"):
                yield each.keys["CA type"], each.keys["Firmware version"]


RULE: Final = Rule(
    "firmware-alike",
    "adapters of one type have the same firmware",
    "the firmware that most have",
    "burn the same image into all of them (`mlxfwmanager`, `flint -i IMAGE burn`), and restart",
    _look,
)

# SPDX-License-Identifier: Apache-2.0
"""ibstack-eswitchd answers, serves every mapping, and has nothing to complain of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import ESWITCHD_CONF, HOST_SHOW, shown
from ibstack.verify.host.interfaces import mappings, not_mapped
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    if not host.has(ESWITCHD_CONF):
        return

    def judge(text: str) -> Iterator[Seen]:
        try:
            served = {(row["physical_network"], row["interface"]) for row in json.loads(text)}
        except (ValueError, TypeError, KeyError):
            # The command says on stderr why it has no list: that stands there instead.
            said = text.strip().splitlines() or ["it said nothing"]
            yield Seen(host.host, False, said[-1].removeprefix("ibstack: "), shown(HOST_SHOW))
            return
        yield from not_mapped(host)
        for each in mappings(host):
            there = (each.physical_network, each.interface) in served
            found = "served" if there else "not among the adapters that it shows"
            thing = f"interface {each.interface} of {each.physical_network}"
            yield Seen(host.host, there, found, shown(HOST_SHOW), thing)

    yield from host.read(HOST_SHOW, judge)


RULE: Final = Rule(
    "eswitchd-alive",
    "ibstack-eswitchd answers, and serves the adapter",
    "an answer that shows the adapter",
    "start ibstack-eswitchd and look at its log: `journalctl -u ibstack-eswitchd`",
    each_adapter_host(_look),
)

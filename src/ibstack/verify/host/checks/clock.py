# SPDX-License-Identifier: Apache-2.0
"""The clock is kept: Neutron takes an agent for dead whose clock is behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import TIMEDATECTL, shown
from ibstack.verify.site import each_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        keys = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
        said = keys.get("NTPSynchronized")
        if said is None:
            yield Seen(host.host, None, "it has no NTPSynchronized", shown(TIMEDATECTL))
        else:
            found = f"NTPSynchronized={said}"
            yield Seen(host.host, said == "yes", found, shown(TIMEDATECTL))

    return host.read(TIMEDATECTL, judge)


# Source: timedatectl(1); neutron/db/agents_db.py judges heartbeats by its own clock.
RULE: Final = Rule(
    "clock",
    "the clock is synchronised",
    "NTPSynchronized=yes",
    "run chrony or systemd-timesyncd: `timedatectl set-ntp true`, and see that its servers answer",
    each_host(_look),
)

# SPDX-License-Identifier: Apache-2.0
"""What a host is to run runs, and comes back after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import SYSTEMCTL, Unread, shown
from ibstack.verify.host.services import units, wanted
from ibstack.verify.site import each_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    needed = wanted(host)
    text = host.text(SYSTEMCTL)
    if isinstance(text, Unread):
        if needed:
            yield host.unknown(SYSTEMCTL, text)
        return
    known = {unit.name: unit for unit in units(text) if unit.loaded}
    for names in needed:
        unit = next((known[name] for name in names if name in known), None)
        thing = f"service {unit.name if unit else names[0]}"
        if unit is None:
            yield Seen(host.host, False, "there is no such unit", shown(SYSTEMCTL), thing)
        else:
            found = f"{unit.active}, {unit.file_state or 'no unit file'}"
            holds = unit.active == "active" and unit.starts_by_itself
            name = unit.name
            remedy = f"`systemctl enable --now {name}`; if it ends, `journalctl -u {name}`"
            yield Seen(host.host, holds, found, shown(SYSTEMCTL), thing, "", remedy)


RULE: Final = Rule(
    "services-enabled",
    "the service runs, and starts with the host",
    "active, enabled",
    "install the package that has it; see docs/how-to/install.md",
    each_host(_look),
    rank=3,
)

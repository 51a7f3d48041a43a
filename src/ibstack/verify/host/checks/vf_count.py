# SPDX-License-Identifier: Apache-2.0
"""The article's `lspci | grep -i mel`: there are as many VFs as the host is to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.host.configured_vfs import configured
from ibstack.verify.host.pci_devices import functions
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    listed = functions(host)
    if isinstance(listed, Unread):
        yield Seen(host.host, None, listed.why, "`lspci`")
        return
    there, name = listed
    adapters = sum(not each.virtual for each in there)
    asked = configured(host, adapters)
    if isinstance(asked, Unread):
        yield Seen(host.host, None, asked.why, "/etc/modprobe.d")
        return
    found = sum(each.virtual for each in there)
    yield Seen(
        host.host,
        found == asked.count,
        f"{found} VFs of {adapters} adapters",
        shown(name),
        wanted=f"{asked.count} VFs ({asked.place})",
    )


RULE: Final = Rule(
    "vf-count",
    "there are as many VFs as configured",
    "as many VFs as configured",
    "restart the host if its settings are newer than its driver; otherwise look for `mlx` in dmesg:"
    " the firmware may have fewer VFs, the BIOS too little MMIO space",
    each_adapter_host(_look),
)

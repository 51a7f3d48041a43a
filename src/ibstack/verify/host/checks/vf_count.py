# SPDX-License-Identifier: Apache-2.0
"""The article's `lspci | grep -i mel`: there are as many VFs as the host is to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.host.configured_vfs import PLACES, ConfiguredVfs, configured
from ibstack.verify.host.pci_devices import functions, numvfs_name, vfs_made
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    listed = functions(host)
    if isinstance(listed, Unread):
        yield Seen(host.host, None, listed.why, "`lspci`")
        return
    there, name = listed
    physical = [each for each in there if not each.virtual]
    if not physical:
        yield Seen(host.host, None, "it lists no adapter", shown(name))
    asked = configured(host, physical)
    if isinstance(asked, Unread):
        yield Seen(host.host, None, asked.why, PLACES)
        return
    for driver in sorted({each.driver for each in physical}):
        alike = [each.pci for each in physical if each.driver == driver]
        made = {pci: vfs_made(host, pci) for pci in alike}
        if None not in made.values():
            for pci in alike:
                yield _judged(host, f"adapter {pci}", made[pci], asked[pci], numvfs_name(pci))
            continue
        # lspci does not say whose a VF is.
        total = sum(each.virtual and each.driver == driver for each in there)
        thing = f"adapter {alike[0]}" if len(alike) == 1 else f"{len(alike)} adapters of {driver}"
        yield _judged(host, thing, total, _sum([asked[pci] for pci in alike]), name)


def _sum(asked: Sequence[ConfiguredVfs | Unread]) -> ConfiguredVfs | Unread:
    known = [each for each in asked if isinstance(each, ConfiguredVfs)]
    if len(known) < len(asked):
        return next(each for each in asked if isinstance(each, Unread))
    places = dict.fromkeys(each.place for each in known if each.place)
    sure = all(each.sure for each in known)
    return ConfiguredVfs(sum(each.count for each in known), ", ".join(places), sure)


def _judged(
    host: Evidence, thing: str, made: int | None, asked: ConfiguredVfs | Unread, name: str
) -> Seen:
    found, place = f"{made} VFs", shown(name)
    if isinstance(asked, Unread):
        return Seen(host.host, None, f"{found}; {asked.why}", place, thing)
    if made and not asked.place:
        # A unit of systemd may have made them: what it was to make is not seen.
        why = f"{found}, and nothing in {PLACES} asks for them"
        return Seen(host.host, None, why, place, thing)
    if made != asked.count and not asked.sure:
        why = f"{found}; {asked.place} asks for {asked.count}, and names no adapter"
        return Seen(host.host, None, why, place, thing)
    wanted = f"{asked.count} VFs ({asked.place or PLACES})"
    return Seen(host.host, made == asked.count, found, place, thing, wanted)


RULE: Final = Rule(
    "vf-count",
    "there are as many VFs as configured",
    "as many VFs as configured",
    "restart the host if its settings are newer than its driver; otherwise look for `mlx` in dmesg:"
    " the firmware may have fewer VFs, the BIOS too little MMIO space",
    each_adapter_host(_look),
)

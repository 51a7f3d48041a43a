# SPDX-License-Identifier: Apache-2.0
"""The article's `lspci | grep -i mel`: there are as many VFs as the host is to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.pci_ids import ETHERNET
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.host.adapter_facts import serves_as
from ibstack.verify.host.configured_vfs import PLACES, Certainty, ConfiguredVfs, configured
from ibstack.verify.host.pci_devices import functions
from ibstack.verify.host.vfs_made import vfs_made
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.host.vfs_made import Made

_TOLD_APART: Final = 1


def _look(host: Evidence) -> Iterator[Seen]:
    listed = functions(host)
    if isinstance(listed, Unread):
        yield Seen(host.host, None, listed.why, "`lspci`")
        return
    there, name = listed
    unclear = [e.pci for e in there if e.virtual is None and e.class_code != ETHERNET]
    for pci in unclear:
        why = "what it is, an adapter or a VF, is not known by its number"
        yield Seen(host.host, None, why, shown(name), f"function {pci}")
    counted = list(vfs_made(host))
    if not counted and not unclear:
        yield Seen(host.host, None, "it lists no adapter", shown(name))
    asked = configured(host)
    if isinstance(asked, Unread):
        yield Seen(host.host, None, asked.why, PLACES)
        return
    for made in counted:
        yield _judged(host, made, asked)


def _judged(host: Evidence, made: Made, asked: Mapping[str, ConfiguredVfs | Unread]) -> Seen:
    pcis = [each.pci for each in made.adapters]
    wanted = [asked[pci] for pci in pcis]
    serves = any(serves_as(host, each) is not False for each in made.adapters)
    thing = f"adapter{'s' if len(pcis) > _TOLD_APART else ''} {', '.join(pcis)}"
    place = shown(made.name)
    if made.count is None:
        return Seen(host.host, None, made.why, place, thing)
    holds, why = _holds(made.count, wanted, serves=serves)
    found = f"{made.count} VFs"
    if holds is None:
        return Seen(host.host, None, f"{found}; {why}", place, thing)
    return Seen(host.host, holds, found, place, thing, why)


def _holds(
    made: int, wanted: Sequence[ConfiguredVfs | Unread], *, serves: bool
) -> tuple[bool | None, str]:
    """Return whether the number is right, and what was wanted, or why it is not known."""
    known = [each for each in wanted if isinstance(each, ConfiguredVfs)]
    if len(known) < len(wanted):
        return None, next(each.why for each in wanted if isinstance(each, Unread))
    places = ", ".join(dict.fromkeys(each.place for each in known if each.place))
    total = sum(each.count for each in known)
    certainty = min(each.certainty for each in known)
    asks = f"{places} asks for {total}"
    if not total and (made or serves):
        # A program that is not read may make them: what it was to make is not seen.
        why = f"nothing in {PLACES} asks for them, nor does another file that is read"
        return None, why if made else f"{why}, and ibstack-eswitchd serves guests"
    if certainty is Certainty.POSSIBLE and places:
        return None, f"{asks}, perhaps of another adapter"
    if made != total and certainty is Certainty.LIKELY:
        return None, f"{asks}; whether that runs, and for which adapter, is not seen"
    if made == total and made and len(known) > _TOLD_APART:
        return None, f"{asks} in all, and whose each is lspci does not say"
    return made == total, f"{total} VFs ({places or PLACES})"


RULE: Final = Rule(
    "vf-count",
    "there are as many VFs as configured",
    "as many VFs as configured",
    "restart the host if its settings are newer than its driver; otherwise look for `mlx` in dmesg:"
    " the firmware may have fewer VFs, the BIOS too little MMIO space",
    each_adapter_host(_look),
)

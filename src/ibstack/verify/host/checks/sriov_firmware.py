# SPDX-License-Identifier: Apache-2.0
"""The article's `flint -d … dc`: SR-IOV is on in the firmware, with VFs enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.host.configured_vfs import PLACES, ConfiguredVfs, configured
from ibstack.verify.host.firmware import firmwares
from ibstack.verify.host.pci_devices import functions
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.host.firmware import Firmware

_SOURCE: Final = "`flint -d DEVICE dc`, `mlxconfig -d DEVICE query`"


def _look(host: Evidence) -> Iterator[Seen]:
    found = list(firmwares(host))
    if not found:
        yield Seen(host.host, None, "it was not collected", _SOURCE)
    for each in found:
        yield _judged(host, each, _asked(host, each.pci))


def _asked(host: Evidence, pci: str | None) -> Sequence[ConfiguredVfs | Unread]:
    """Return what is asked of an adapter; of one that is not named, of each that it may be."""
    listed = functions(host)
    if isinstance(listed, Unread):
        return [Unread(f"`lspci`: {listed.why}")]
    asked = configured(host, [each for each in listed[0] if not each.virtual])
    if isinstance(asked, Unread):
        return [asked]
    return [asked[pci]] if pci in asked else list(asked.values())


def _judged(host: Evidence, each: Firmware, asked: Sequence[ConfiguredVfs | Unread]) -> Seen:
    place = shown(each.name)
    if each.sriov is None or each.vfs is None:
        return Seen(host.host, None, "it says nothing of SR-IOV and VFs", place)
    room = each.vfs if each.sriov else 0
    said = f"sriov_en {str(each.sriov).lower()}, {each.vfs} VFs"
    known = [one for one in asked if isinstance(one, ConfiguredVfs)]
    most = max((one.count for one in known), default=0)
    fewest = min((one.count if one.sure else 0 for one in known), default=0)
    wanted = f"sriov_en true, at least {most} VFs"
    if len(known) < len(asked):
        why = next(one.why for one in asked if isinstance(one, Unread))
        return Seen(host.host, None, f"{said}; how many are wanted is not known: {why}", place)
    if not most:
        return Seen(host.host, True, "no VFs are asked for", place)
    if fewest <= room < most:
        why = f"{said}; {PLACES} ask for up to {most}, perhaps of another adapter"
        return Seen(host.host, None, why, place)
    return Seen(host.host, room >= most, said, place, wanted=wanted)


RULE: Final = Rule(
    "sriov-firmware",
    "SR-IOV is on in the adapter's firmware",
    "sriov_en true and as many VFs as the driver is to make",
    "`mlxconfig -d DEVICE set SRIOV_EN=1 NUM_OF_VFS=N` (ConnectX-3: burn firmware with sriov_en and"
    " total_vfs in its [HCA] section), then restart the host",
    each_adapter_host(_look),
    rank=2,
)

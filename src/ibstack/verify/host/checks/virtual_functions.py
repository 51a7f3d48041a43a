# SPDX-License-Identifier: Apache-2.0
"""VFs: the firmware has room for them, and as many are there as are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ibstack.facts.evidence import Missing, shown
from ibstack.facts.host.adapter_facts import serves_as
from ibstack.facts.host.configured_vfs import PLACES, Certainty, ConfiguredVfs, configured
from ibstack.facts.host.firmware import firmwares
from ibstack.facts.host.pci_devices import functions, physical
from ibstack.facts.host.vfs_made import vfs_made
from ibstack.formats.pci_ids import ETHERNET, KINDS
from ibstack.verify.check import Observation, rule
from ibstack.verify.selectors import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.host.firmware import Firmware
    from ibstack.facts.host.pci_devices import Function
    from ibstack.facts.host.vfs_made import Made

_FIRMWARE: Final = "`flint -d DEVICE dc`, `mlxconfig -d DEVICE query`"


@rule(
    "sriov-firmware",
    "SR-IOV is on in the adapter's firmware",
    "sriov_en true and as many VFs as the driver is to make",
    "`mlxconfig -d DEVICE set SRIOV_EN=1 NUM_OF_VFS=N` (ConnectX-3: burn firmware with sriov_en and"
    " total_vfs in its [HCA] section), then restart the host",
    rank=2,
)
@each_adapter_host
def sriov_firmware(host: Evidence) -> Iterator[Observation]:
    """The article's `flint -d … dc`: SR-IOV is on in the firmware, with VFs enough."""
    found = list(firmwares(host))
    if not found:
        yield Observation(host.host, None, "it was not collected", _FIRMWARE)
    listed, asked = functions(host), configured(host)
    for each in found:
        said = each.at_boot
        if said is None:
            yield Observation(
                host.host, None, "it says nothing of SR-IOV and VFs", shown(each.name), each.thing
            )
        elif isinstance(listed, Missing):
            yield _unknown(host, each, f"`lspci`: {listed.why}")
        elif isinstance(asked, Missing):
            yield _unknown(host, each, asked.why)
        else:
            yield _judged_firmware(host, each, asked)


class _Need(NamedTuple):
    """How many VFs an adapter's firmware needs room for."""

    least: int
    most: int


def _candidates(host: Evidence, firmware: Firmware) -> list[Function]:
    """Return the adapters whose firmware it may be."""
    there = list(physical(host))
    named = [each for each in there if each.pci == firmware.pci]
    if named or firmware.device is None:
        return named or there
    kind = KINDS.get(firmware.device)
    return [
        each
        for each in there
        if each.device in (None, firmware.device)
        and (kind is None or each.driver in ("", kind.driver))
    ] or there


def _judged_firmware(
    host: Evidence, firmware: Firmware, asked: Mapping[str, ConfiguredVfs | Missing]
) -> Observation:
    adapters = _candidates(host, firmware)
    wanted = [asked[each.pci] for each in adapters]
    unread = [each.why for each in wanted if isinstance(each, Missing)]
    if unread:
        return _unknown(host, firmware, unread[0])
    known = [each for each in wanted if isinstance(each, ConfiguredVfs)]
    needs = [_need(host, *pair) for pair in zip(adapters, known, strict=True)]
    most = max((need.most for need in needs), default=0)
    place, room = shown(firmware.name), _room(firmware)
    if not most:
        return Observation(host.host, True, "no VFs are asked for", place, firmware.thing)
    if min(need.least for need in needs) <= room < most:
        places = ", ".join(dict.fromkeys(each.place for each in known if each.place)) or PLACES
        why = (
            f"{_firmware_text(firmware)}; {places} ask for up to {most}, perhaps of another adapter"
        )
        return Observation(host.host, None, why, place, firmware.thing)
    wanted_words = f"sriov_en true, at least {most} VFs"
    return Observation(
        host.host, room >= most, _firmware_text(firmware), place, firmware.thing, wanted_words
    )


def _need(host: Evidence, adapter: Function, asked: ConfiguredVfs) -> _Need:
    sure = asked.count if asked.certainty is Certainty.CERTAIN else 0
    serves = serves_as(host, adapter)
    # Who serves guests needs a VF at least, though nothing that is read asks for any.
    return _Need(max(sure, int(serves is True)), max(asked.count, int(serves is not False)))


def _room(firmware: Firmware) -> int:
    """Return how many VFs there can be, both now and from the next start on."""
    times = [each for each in (firmware.now, firmware.at_boot) if each is not None]
    return min((each.room for each in times), default=0)


def _firmware_text(firmware: Firmware) -> str:
    if firmware.now is None or firmware.now == firmware.at_boot:
        return str(firmware.at_boot)
    return f"{firmware.now}; from the next start on {firmware.at_boot}"


def _unknown(host: Evidence, firmware: Firmware, why: str) -> Observation:
    said = f"{firmware.at_boot}; how many are wanted is not known: {why}"
    return Observation(host.host, None, said, shown(firmware.name), firmware.thing)


_TOLD_APART: Final = 1


@rule(
    "vf-count",
    "there are as many VFs as configured",
    "as many VFs as configured",
    "restart the host if its settings are newer than its driver; otherwise look for `mlx` in dmesg:"
    " the firmware may have fewer VFs, the BIOS too little MMIO space",
)
@each_adapter_host
def vf_count(host: Evidence) -> Iterator[Observation]:
    """The article's `lspci | grep -i mel`: there are as many VFs as the host is to have."""
    listed = functions(host)
    if isinstance(listed, Missing):
        yield Observation(host.host, None, listed.why, "`lspci`")
        return
    there, name = listed
    unclear = [e.pci for e in there if e.virtual is None and e.class_code != ETHERNET]
    for pci in unclear:
        why = "what it is, an adapter or a VF, is not known by its number"
        yield Observation(host.host, None, why, shown(name), f"function {pci}")
    counted = list(vfs_made(host))
    if not counted and not unclear:
        yield Observation(host.host, None, "it lists no adapter", shown(name))
    asked = configured(host)
    if isinstance(asked, Missing):
        yield Observation(host.host, None, asked.why, PLACES)
        return
    for made in counted:
        yield _judged_count(host, made, asked)


def _judged_count(
    host: Evidence, made: Made, asked: Mapping[str, ConfiguredVfs | Missing]
) -> Observation:
    pcis = [each.pci for each in made.adapters]
    wanted = [asked[pci] for pci in pcis]
    serves = any(serves_as(host, each) is not False for each in made.adapters)
    thing = f"adapter{'s' if len(pcis) > _TOLD_APART else ''} {', '.join(pcis)}"
    place = shown(made.name)
    if made.count is None:
        return Observation(host.host, None, made.why, place, thing)
    holds, why = _is_right(made.count, wanted, serves=serves)
    found = f"{made.count} VFs"
    if holds is None:
        return Observation(host.host, None, f"{found}; {why}", place, thing)
    return Observation(host.host, holds, found, place, thing, why)


def _is_right(
    made: int, wanted: Sequence[ConfiguredVfs | Missing], *, serves: bool
) -> tuple[bool | None, str]:
    """Return whether the number is right, and what was wanted, or why it is not known."""
    known = [each for each in wanted if isinstance(each, ConfiguredVfs)]
    if len(known) < len(wanted):
        return None, next(each.why for each in wanted if isinstance(each, Missing))
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

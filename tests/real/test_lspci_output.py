# SPDX-License-Identifier: Apache-2.0
"""lspci prints devices in all its forms, and our reader finds the same adapters in each.

`lspci -F FILE` prints what a dump of configuration spaces holds: no such hardware is needed.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from ibstack.facts.evidence import LSPCI, Evidence
from ibstack.facts.host.pci_devices import Function, bridges, functions
from ibstack.formats.pci_ids import ETHERNET, INFINIBAND, KINDS, NETWORK, VENDOR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Device = tuple[str, int, int, int]
"""Address, vendor, device, class."""

BRIDGE: Final = 0x0604
DEVICES: Final[tuple[Device, ...]] = (
    ("0000:00:01.0", 0x8086, 0x1901, BRIDGE),
    ("0000:00:02.0", 0x8086, 0x1584, ETHERNET),
    ("0000:04:00.0", VENDOR, 0x1003, NETWORK),
    ("0000:04:00.1", VENDOR, 0x1004, NETWORK),
    ("0000:05:00.0", VENDOR, 0x101B, INFINIBAND),
    ("0000:05:00.1", VENDOR, 0x101C, INFINIBAND),
    ("0000:3b:00.0", VENDOR, 0x1017, ETHERNET),
    ("0000:3b:00.2", VENDOR, 0x1018, ETHERNET),
    ("0005:03:00.0", VENDOR, 0x1021, INFINIBAND),
    ("0005:03:00.1", VENDOR, 0x101E, INFINIBAND),
    ("0005:04:00.0", VENDOR, 0xA2D6, ETHERNET),
    # Of the same maker, and no adapter: a bridge, and the memory of a BlueField.
    ("0005:05:00.0", VENDOR, 0x1976, BRIDGE),
    ("0005:05:00.1", VENDOR, 0xC2D3, 0x0801),
    # Newer than any list.
    ("0005:06:00.0", VENDOR, 0x1FFF, INFINIBAND),
)
FORMS: Final = (
    *((), ("-D",), ("-n",), ("-nn",), ("-D", "-nn"), ("-m",), ("-mm", "-n"), ("-mm", "-nn")),
    *(("-v",), ("-nnvv",), ("-D", "-vvv")),
)


def dump(devices: Iterable[Device]) -> str:
    """Return configuration spaces of 64 bytes, as lspci -x prints them."""
    text = ""
    for address, vendor, device, kind in devices:
        space = bytearray(64)
        space[0:4] = vendor.to_bytes(2, "little") + device.to_bytes(2, "little")
        space[10:12] = kind.to_bytes(2, "little")
        space[14] = int(kind == BRIDGE)
        rows = (space[n : n + 16].hex(" ") for n in range(0, len(space), 16))
        lines = (f"{16 * n:02x}: {row}\n" for n, row in enumerate(rows))
        text += f"{address} a device\n{''.join(lines)}\n"
    return text


def printed(folder: Path, devices: Iterable[Device], *form: str, ids: str | None = None) -> str:
    """Return what lspci prints; *ids*: another list of names than pci.ids."""
    if shutil.which("lspci") is None:
        pytest.skip("needs lspci: tools/setup test")
    (folder / "dump").write_text(dump(devices))
    names = []
    if ids is not None:
        (folder / "ids").write_text(ids)
        names = ["-i", str(folder / "ids")]
    argv = ["lspci", "-F", str(folder / "dump"), *names, *form]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout


def read(text: str) -> tuple[Function, ...]:
    found = functions(Evidence("node001", {LSPCI: text}))
    assert isinstance(found, tuple)
    return found[0]


@pytest.mark.real
@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("ids", [None, "", "15b3  Mellanox Technologies\n"])
def test_each_form_shows_the_same_functions(
    tmp_path: Path, form: tuple[str, ...], ids: str | None
) -> None:
    found = {each.pci: each for each in read(printed(tmp_path, DEVICES, *form, ids=ids))}

    adapters = [d for d in DEVICES if d[1] == VENDOR and d[3] in (INFINIBAND, ETHERNET, NETWORK)]
    assert sorted(found) == sorted(address for address, *_ in adapters)
    for address, _, device, kind in adapters:
        known = KINDS.get(device)
        each = found[address]
        assert each.class_code == kind
        assert each.virtual is (known.virtual if known else None)
        assert each.driver == (known.driver if known else "")
        assert each.device in (device, None)


@pytest.mark.real
@pytest.mark.parametrize("form", [(), ("-n",), ("-nn",), ("-mm",)], ids=" ".join)
def test_bridges_are_told_in_each_form(tmp_path: Path, form: tuple[str, ...]) -> None:
    text = printed(tmp_path, DEVICES, *form)

    assert bridges(Evidence("node001", {LSPCI: text})) == {"0000:00:01.0", "0005:05:00.0"}


@pytest.mark.real
def test_the_names_of_pci_ids_say_what_the_numbers_say(tmp_path: Path) -> None:
    """An older lspci without numbers is read by names alone."""
    devices = [
        (f"0000:{n // 8:02x}:{n % 8:02x}.0", VENDOR, device, INFINIBAND)
        for n, device in enumerate(KINDS)
    ]
    text = printed(tmp_path, devices)

    for (address, _, device, _), each in zip(devices, read(text), strict=True):
        assert each.pci == address
        assert (each.virtual, each.driver) == (KINDS[device].virtual, KINDS[device].driver), text
        assert each.device in (device, None)

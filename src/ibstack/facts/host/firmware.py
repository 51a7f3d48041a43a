# SPDX-License-Identifier: Apache-2.0
"""What the firmware is configured for: `flint dc` of ConnectX-3, `mlxconfig query` of later ones.

Sources: the article's output of `flint -d … dc` (an ini file with `//` comments); mlxconfig's and
mstconfig's output: for each device a line `Device:`, and a `Configurations:` table whose values are
as in `True(1)`, with -e in three columns: default, current and next boot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.facts.host.pci_devices import with_domain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence

_FLINT: Final = re.compile(r"^\s*(sriov_en|total_vfs)\s*=\s*(\w+)", re.M)
_CONFIG: Final = re.compile(r"^[\s*]*(?:RO\s+)?(SRIOV_EN|NUM_OF_VFS)\s+(.*\S)", re.M)
_DEVICE: Final = re.compile(r"^\s*Device:\s*(\S+)", re.M)
_HEADINGS: Final = tuple(
    re.compile(rf"^[ \t]*{words}", re.M)
    for words in (r"Device #\d+:", "Device type:", r"Device:\s", "Configurations:")
)
# A sosreport writes _ for each colon of a command, and . for each slash.
_PCI: Final = re.compile(
    r"(?<![0-9a-f:])((?:[0-9a-f]{4}[:_])?[0-9a-f]{2}[:_][0-9a-f]{2}\.[0-7])(?![0-9a-f])"
)
_MST: Final = re.compile(r"\bmt(\d+)_?(?:pci|\s)")
_COLUMNS: Final = 3


@dataclass(frozen=True, slots=True)
class Sriov:
    """SR-IOV at one time."""

    on: bool
    vfs: int

    @property
    def room(self) -> int:
        return self.vfs if self.on else 0

    def __str__(self) -> str:
        return f"sriov_en {str(self.on).lower()}, {self.vfs} VFs"


@dataclass(frozen=True, slots=True)
class Firmware:
    """One adapter's."""

    name: str
    """Of the text it was read from."""
    pci: str | None
    """Which adapter's; None: neither the text nor its name says."""
    device: int | None
    """Its device id, of a name such as mt4123_pciconf0; None: not known."""
    at_boot: Sriov | None
    """From the next start on; None: not shown."""
    now: Sriov | None = None
    """Where it is shown beside that."""
    shares: bool = False
    """The text shows several adapters."""

    @property
    def thing(self) -> str:
        """Return which adapter it is, where the text's name does not say."""
        return f"adapter {self.pci}" if self.shares and self.pci else ""


def firmwares(host: Evidence) -> Iterator[Firmware]:
    """Yield each adapter whose configuration was collected.

    An ini file that says nothing of VFs beside an mlxconfig of the adapter is left out: from
    ConnectX-4 on they are no part of it.
    """
    later = list(_configured(host))
    said = {each.pci for each in later}
    for name, text in host.matching("commands/*flint*_dc*").items():
        keys = dict(_FLINT.findall(text))
        pci = _address(name)
        if keys or not (pci in said or (later and None in {pci, *said})):
            sriov = _sriov(keys.get("sriov_en"), keys.get("total_vfs"))
            yield Firmware(name, pci, _number_of_device(name), sriov)
    yield from later


def _configured(host: Evidence) -> Iterator[Firmware]:
    for pattern in ("commands/mlxconfig*", "commands/mstconfig*"):
        for name, text in host.matching(pattern).items():
            parts = _parts(text)
            for part in parts:
                found = _DEVICE.search(part)
                device = found[1] if found else ""
                # `Device:` is the exact word; the command's name may be that of all of them.
                pci = _address(device) or (None if _MST.search(device) else _address(name))
                columns = {key: value.split() for key, value in _CONFIG.findall(part)}
                yield Firmware(
                    name,
                    pci,
                    _number_of_device(device) or _number_of_device(name),
                    _column(columns, -1),
                    _column(columns, -2) if _has_three(columns) else None,
                    len(parts) > 1,
                )


def _parts(text: str) -> list[str]:
    """Return the part of each device; all of a text that has no headings is one."""
    # `Device type:` follows `Device #1:`; where that is missing, it begins the part itself.
    for heading in _HEADINGS:
        starts = [found.start() for found in heading.finditer(text)]
        if starts:
            ends = [*starts[1:], len(text)]
            return [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return [text]


def _has_three(columns: dict[str, list[str]]) -> bool:
    return bool(columns) and all(len(values) == _COLUMNS for values in columns.values())


def _column(columns: dict[str, list[str]], place: int) -> Sriov | None:
    values = {key: row[place] for key, row in columns.items()}
    return _sriov(_bare(values.get("SRIOV_EN")), _bare(values.get("NUM_OF_VFS")))


def _bare(text: str | None) -> str | None:
    return None if text is None else text.partition("(")[0]


def _sriov(enabled: str | None, vfs: str | None) -> Sriov | None:
    on = {"true": True, "false": False, "1": True, "0": False}.get((enabled or "").lower())
    return Sriov(on, int(vfs)) if on is not None and vfs is not None and vfs.isdecimal() else None


def _address(name: str) -> str | None:
    found = _PCI.search(name.lower())
    return with_domain(found[1].replace("_", ":")) if found else None


def _number_of_device(name: str) -> int | None:
    """Return the device id of a name of MST's, such as mt4123_pciconf0: it is decimal there."""
    found = _MST.search(name)
    return int(found[1]) if found else None

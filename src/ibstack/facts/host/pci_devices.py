# SPDX-License-Identifier: Apache-2.0
"""Which functions of adapters a host has, as `lspci` shows them.

Source: lspci(8) of pciutils 3.9: `[DOMAIN:]BUS:DEVICE.FUNCTION CLASS: VENDOR DEVICE`, with names,
numbers (-n) or both (-nn), in quotes with -m, and below it, indented, what -k and -v add.
tests/real/test_lspci_output.py asks lspci itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ibstack.facts.evidence import LSPCI, PCI_DEVICES, Missing
from ibstack.formats import pci_ids
from ibstack.formats.pci_ids import ETHERNET, INFINIBAND, NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence

# A BlueField has bridges and DMA engines of the same vendor.
_CLASSES: Final = {
    "infiniband controller": INFINIBAND,
    "ethernet controller": ETHERNET,
    "network controller": NETWORK,
}
_LINE: Final = re.compile(r"((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (.*)", re.I)
_CLASS_CODE: Final = re.compile(r"\[([0-9a-f]{4})\]$|^(?:Class )?([0-9a-f]{4})$", re.I)
_BRIDGE: Final = 0x0604
_CLASSES_BY_NAME: Final = {**_CLASSES, "pci bridge": _BRIDGE}
_VENDOR: Final = re.compile(r"Mellanox|\b15b3\b", re.I)
# [15b3:101c], or a number of its own: `Device 101c` where pci.ids is older than the card.
_NUMBERED: Final = re.compile(
    r"\b15b3:([0-9a-f]{4})\b|\[([0-9a-f]{4})\]$|^([0-9a-f]{4})$|\bDevice ([0-9a-f]{4})(?![:\w])",
    re.I,
)
_MADE: Final = re.compile(r"^\s+Initial VFs: .*\bNumber of VFs: (\d+)")


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an adapter."""

    pci: str
    """With its domain: 0000:05:00.1."""
    virtual: bool | None
    """None: lspci shows a number that is not known."""
    driver: str
    """mlx4 or mlx5; empty: not known."""
    class_code: int
    """Its first two bytes, such as 0x0207."""
    device: int | None = None
    """Its device id; None: not known."""
    vfs: int | None = None
    """How many VFs it has made, where -vv shows it."""

    @property
    def bus(self) -> tuple[int, int]:
        """Domain and bus."""
        domain, bus, _ = self.pci.split(":")
        return int(domain, 16), int(bus, 16)

    @property
    def slot(self) -> int:
        """Device and function on the bus, as one number: VFs count on from their adapter's."""
        device, _, function = self.pci.rpartition(":")[2].partition(".")
        return int(device, 16) * 8 + int(function)


def functions(host: Evidence) -> tuple[tuple[Function, ...], str] | Missing:
    """Return the functions of all adapters, and the name of the text.

    Of several texts the first that shows any counts, for `lspci -t` shows none.
    """
    texts = host.matching(f"{LSPCI}*")
    for name, text in texts.items():
        found = tuple(_functions(text))
        if found:
            return found, name
    if texts:
        return (), next(iter(texts))
    unread = host.text(LSPCI)
    return unread if isinstance(unread, Missing) else Missing("it was not collected")


def physical(host: Evidence) -> tuple[Function, ...]:
    """Return the functions that are no VFs; none where lspci is not known."""
    listed = functions(host)
    there = () if isinstance(listed, Missing) else listed[0]
    return tuple(each for each in there if each.virtual is False)


def bridges(host: Evidence) -> frozenset[str]:
    """Return the PCI addresses of bridges."""
    lines = (line for t in host.matching(f"{LSPCI}*").values() for line in t.splitlines())
    parts = (_parts(line) for line in lines)
    return frozenset(part.pci for part in parts if part and part.class_code == _BRIDGE)


def with_domain(pci: str) -> str:
    """Return a PCI address with its domain, which is 0000 where it is left out."""
    return pci.lower() if pci.count(":") == len("::") else f"0000:{pci.lower()}"


def numvfs_name(pci: str) -> str:
    """Return the name of the file that says how many VFs a function has made."""
    return f"{PCI_DEVICES}/{pci}/sriov_numvfs"


def _functions(text: str) -> Iterator[Function]:
    last: Function | None = None
    for line in text.splitlines():
        if line[:1].isspace():
            made = _MADE.match(line)
            if made and last is not None:
                last = replace(last, vfs=int(made[1]))
            continue
        if last is not None:
            yield last
        last = _function(line)
    if last is not None:
        yield last


class _Parts(NamedTuple):
    """What stands in one line."""

    pci: str
    class_code: int | None
    vendor: str
    device: str
    """Of the form without quotes, vendor and device together, as of *vendor*."""


def _parts(line: str) -> _Parts | None:
    found = _LINE.match(line)
    if found is None:
        return None
    pci, rest = with_domain(found[1]), found[2]
    if rest.startswith('"'):
        # -m: class, vendor, device, and then those of the card's maker.
        quoted = [*re.findall(r'"([^"]*)"', rest), "", "", ""]
        return _Parts(pci, _class_code(quoted[0]), quoted[1], quoted[2])
    kind, _, name = rest.partition(": ")
    name = re.sub(r" \(rev [0-9a-f]+\).*$", "", name)
    return _Parts(pci, _class_code(kind), name, name)


def _class_code(text: str) -> int | None:
    found = _CLASS_CODE.search(text)
    if found:
        return int(found[1] or found[2], 16)
    return _CLASSES_BY_NAME.get(text.lower())


def _function(line: str) -> Function | None:
    """Return what one line shows, where that is an adapter's function."""
    parts = _parts(line)
    if parts is None or not _VENDOR.search(parts.vendor):
        return None
    if parts.class_code is None or parts.class_code not in _CLASSES.values():
        return None
    numbered = _NUMBERED.search(parts.device)
    device = int(next(filter(None, numbered.groups())), 16) if numbered else None
    named = pci_ids.kind_of(parts.device)
    kind = pci_ids.KINDS.get(device, named) if device is not None else named
    if device is None and kind is not None and not kind.virtual:
        device = pci_ids.device_of(parts.device)
    return Function(
        parts.pci,
        kind.virtual if kind else None,
        kind.driver if kind else "",
        parts.class_code,
        device,
    )

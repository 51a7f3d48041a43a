# SPDX-License-Identifier: Apache-2.0
"""Which functions of adapters a host has, as `lspci` shows them.

Source: lspci(8) of pciutils 3.9: `[DOMAIN:]BUS:DEVICE.FUNCTION CLASS: VENDOR DEVICE`, with names,
numbers (-n) or both (-nn), in quotes with -m, and below it, indented, what -k and -v add.
tests/real/test_lspci_output.py asks lspci itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.formats import pci_ids
from ibstack.verify.evidence import LSPCI, PCI_DEVICES, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

INFINIBAND: Final = 0x0207
ETHERNET: Final = 0x0200
NETWORK: Final = 0x0280
# A BlueField has bridges and DMA engines of the same vendor.
_CLASSES: Final = {
    "infiniband controller": INFINIBAND,
    "ethernet controller": ETHERNET,
    "network controller": NETWORK,
}
_LINE: Final = re.compile(
    r"((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
    r' "?(?:Class )?((?:\w[\w ]*?controller)|[0-9a-f]{4})(?: \[([0-9a-f]{4})\])?"?:? (.*)',
    re.I,
)
_BRIDGE: Final = re.compile(
    r'^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) "?(?:PCI bridge|0604)\b', re.M | re.I
)
_VENDOR: Final = re.compile(r"Mellanox|\b15b3\b", re.I)
# 15b3:101c, or `Device 101c` where pci.ids is older than the card.
_NUMBERED: Final = re.compile(
    r'\b15b3:([0-9a-f]{4})\b|\bDevice ([0-9a-f]{4})\b|"15b3" "([0-9a-f]{4})"'
    r'|\[15b3\]" "[^"]*\[([0-9a-f]{4})\]"',
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


def functions(host: Evidence) -> tuple[tuple[Function, ...], str] | Unread:
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
    return unread if isinstance(unread, Unread) else Unread("it was not collected")


def physical(host: Evidence) -> tuple[Function, ...]:
    """Return the functions that are no VFs; none where lspci is not known."""
    listed = functions(host)
    there = () if isinstance(listed, Unread) else listed[0]
    return tuple(each for each in there if each.virtual is False)


def bridges(host: Evidence) -> frozenset[str]:
    """Return the PCI addresses of bridges."""
    texts = host.matching(f"{LSPCI}*").values()
    return frozenset(with_domain(found[1]) for text in texts for found in _BRIDGE.finditer(text))


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


def _function(line: str) -> Function | None:
    """Return what one line shows, where that is an adapter's function."""
    found = _LINE.match(line)
    if found is None or not _VENDOR.search(found[4]):
        return None
    code = found[3] or (found[2] if re.fullmatch(r"[0-9a-f]{4}", found[2], re.I) else "")
    class_code = int(code, 16) if code else _CLASSES.get(found[2].lower())
    if class_code is None or class_code not in _CLASSES.values():
        return None
    numbered = _NUMBERED.search(found[4])
    device = int(next(filter(None, numbered.groups())), 16) if numbered else None
    named = pci_ids.kind_of(found[4])
    kind = pci_ids.KINDS.get(device, named) if device is not None else named
    if device is None and kind is not None and not kind.virtual:
        device = pci_ids.device_of(found[4])
    return Function(
        with_domain(found[1]),
        kind.virtual if kind else None,
        kind.driver if kind else "",
        class_code,
        device,
    )

# SPDX-License-Identifier: Apache-2.0
"""How many VFs each adapter has made: by sysfs, by `lspci -vv`, or by where its VFs are.

Sources: kernel Documentation/ABI/testing/sysfs-bus-pci, sriov_numvfs; PCI Express Base
Specification, "SR-IOV": a VF has its adapter's class, and is some way behind it, perhaps on one of
the next buses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.verify.evidence import Unread
from ibstack.verify.host.pci_devices import Function, functions, numvfs_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.verify.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Made:
    """The VFs of one adapter, or of several ports of a card that lspci does not tell apart."""

    adapters: tuple[Function, ...]
    count: int | None
    """None: not known."""
    name: str
    """Of the text that says so."""
    why: str = ""
    """Why it is not known."""


def vfs_made(host: Evidence) -> Iterator[Made]:
    """Yield every adapter that lspci shows, with its VFs."""
    listed = functions(host)
    if isinstance(listed, Unread):
        return
    there, name = listed
    # What sysfs does not tell of, lspci may; adapters of one card and class go together.
    groups: dict[tuple[tuple[int, int], str, int], list[Function]] = {}
    for each in there:
        text = host.text(numvfs_name(each.pci))
        if each.virtual is not False:
            continue
        if isinstance(text, str) and text.strip().isdigit():
            yield Made((each,), int(text), numvfs_name(each.pci))
        elif each.vfs is not None:
            yield Made((each,), each.vfs, name)
        else:
            groups.setdefault((each.bus, each.driver, each.class_code), []).append(each)
    for alike in groups.values():
        yield _counted(alike, there, name)


def _counted(alike: Sequence[Function], there: Sequence[Function], name: str) -> Made:
    unknown = [each.pci for each in there if each.virtual is None and _behind(each, alike, there)]
    if unknown:
        why = f"whether {', '.join(unknown)} is a VF is not known"
        return Made(tuple(alike), None, name, why)
    count = sum(each.virtual is True and _behind(each, alike, there) for each in there)
    return Made(tuple(alike), count, name)


def _behind(each: Function, alike: Sequence[Function], there: Sequence[Function]) -> bool:
    """Tell whether a function is where the VFs of *alike* are."""
    candidates = [
        other
        for other in there
        if other.virtual is False
        and other.class_code == each.class_code
        and each.driver in {other.driver, ""}
        and other.bus[0] == each.bus[0]
        and (other.bus[1], other.slot) <= (each.bus[1], each.slot)
    ]
    nearest = max((other.bus for other in candidates), default=None)
    return nearest is not None and nearest == alike[0].bus and _alike(alike[0], each)


def _alike(one: Function, other: Function) -> bool:
    return one.class_code == other.class_code and other.driver in {one.driver, ""}

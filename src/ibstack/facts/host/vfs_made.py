# SPDX-License-Identifier: Apache-2.0
"""How many VFs each adapter has made: by sysfs, by `lspci -vv`, or by where its VFs are.

Sources: kernel Documentation/ABI/testing/sysfs-bus-pci, sriov_numvfs; PCI Express Base
Specification, "SR-IOV": a VF has its adapter's class, and is some way behind it, perhaps on one of
the next buses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.facts.evidence import Missing
from ibstack.facts.host.pci_devices import Function, functions, numvfs_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.facts.evidence import Evidence


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
    if isinstance(listed, Missing):
        return
    there, name = listed
    adapters = [each for each in there if each.virtual is False]
    # What sysfs does not tell of, lspci may; adapters of one card and class go together.
    groups: dict[tuple[tuple[int, int], str, int], list[Function]] = {}
    for each in adapters:
        text = host.text(numvfs_name(each.pci))
        if isinstance(text, str) and text.strip().isdigit():
            yield Made((each,), int(text), numvfs_name(each.pci))
        elif each.vfs is not None:
            yield Made((each,), each.vfs, name)
        else:
            groups.setdefault((each.bus, each.driver, each.class_code), []).append(each)
    for alike in groups.values():
        behind = [each for each in there if _is_behind(each, alike[0], adapters)]
        yield _counted(alike, behind, name)


def _counted(alike: Sequence[Function], behind: Sequence[Function], name: str) -> Made:
    unknown = [each.pci for each in behind if each.virtual is None]
    if unknown:
        why = f"whether {', '.join(unknown)} is a VF is not known"
        return Made(tuple(alike), None, name, why)
    return Made(tuple(alike), sum(each.virtual is True for each in behind), name)


def _is_behind(each: Function, adapter: Function, adapters: Sequence[Function]) -> bool:
    """Tell whether a function is where the VFs of *adapter* are: no other one is nearer."""
    if not _may_be_of(each, adapter):
        return False
    return adapter.bus == max(other.bus for other in adapters if _may_be_of(each, other))


def _may_be_of(each: Function, adapter: Function) -> bool:
    is_alike = each.class_code == adapter.class_code and each.driver in {adapter.driver, ""}
    is_after = (adapter.bus, adapter.slot) < (each.bus, each.slot)
    return is_alike and is_after and each.bus[0] == adapter.bus[0]

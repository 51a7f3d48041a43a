# SPDX-License-Identifier: Apache-2.0
"""How many VFs each adapter is to have: mlx4_core's num_vfs, and what udev writes to sriov_numvfs.

Sources: kernel drivers/net/ethernet/mellanox/mlx4/main.c, num_vfs (one number, or those of port 1,
of port 2 and of both, for each adapter); Documentation/PCI/pci-iov-howto.rst, sriov_numvfs;
udev(7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import Unread
from ibstack.verify.host.interfaces import bus_info
from ibstack.verify.host.module_options import FOLDER, options
from ibstack.verify.host.pci_devices import functions, vfs_made

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.host.pci_devices import Function

_RULES: Final = "etc/udev/rules.d"
PLACES: Final = f"/{FOLDER}, /{_RULES}"
# A rule is one line; `==` compares, and only `=` writes.
_WRITES: Final = re.compile(r'sriov_numvfs\}\s*=\s*"(\d+)"')
_ADDRESS: Final = re.compile(r'KERNELS?\s*==\s*"([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"')
_INTERFACE: Final = re.compile(r'(?:NAME|INTERFACE|KERNEL)\s*==\s*"([\w.-]+)"')


@dataclass(frozen=True, slots=True)
class ConfiguredVfs:
    """How many one adapter is to have, and the file that says so."""

    count: int
    place: str
    """Empty: no file asks for any."""
    sure: bool = True
    """False: a rule that names no adapter, where the host has several, may mean another."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of udev's that makes VFs; *pci* None: of adapters that it does not name."""

    pci: str | None
    asked: ConfiguredVfs


def configured(
    host: Evidence, physical: Iterable[Function]
) -> dict[str, ConfiguredVfs | Unread] | Unread:
    """Return how many VFs each physical function is to have, by its PCI address."""
    core = options(host, "mlx4_core")
    if isinstance(core, Unread):
        return Unread(f"/{FOLDER}: {core.why}")
    value, place = core.get("num_vfs", ("", ""))
    rules = _rules(host)
    adapters = list(physical)
    of_mlx5 = [each for each in adapters if each.driver != "mlx4"]
    found: dict[str, ConfiguredVfs | Unread] = {}
    for each in adapters:
        if each.driver == "mlx4" and value:
            found[each.pci] = _num_vfs(value, place)
        elif isinstance(rules, Unread):
            found[each.pci] = rules
        else:
            # mlx4 makes no VFs through sriov_numvfs, so an open rule is not meant for it.
            meant = rules if each in of_mlx5 else [rule for rule in rules if rule.pci]
            found[each.pci] = _by_rules(each, meant, alone=len(of_mlx5) == 1)
    return found


def wants_vfs(host: Evidence) -> bool | None:
    """Tell whether the host has VFs or is told to make any; None: not known."""
    listed = functions(host)
    if not isinstance(listed, Unread):
        there, _ = listed
        made = any(vfs_made(host, each.pci) for each in there)
        if made or any(each.virtual for each in there):
            return True
    core, rules = options(host, "mlx4_core"), _rules(host)
    asked = not isinstance(core, Unread) and core.get("num_vfs", ("0", ""))[0] not in {"", "0"}
    if asked or (not isinstance(rules, Unread) and any(rule.asked.count for rule in rules)):
        return True
    # What is made by other means than these files, lspci shows.
    return None if isinstance(listed, Unread) else False


def _num_vfs(value: str, place: str) -> ConfiguredVfs | Unread:
    numbers = value.split(",")
    if all(number.isdigit() for number in numbers):
        return ConfiguredVfs(sum(map(int, numbers)), place)
    return Unread(f"num_vfs={value} in {place} is not a number for every adapter")


def _rules(host: Evidence) -> list[_Rule] | Unread:
    if _RULES not in host.folders and not host.matching(f"{_RULES}/*.rules"):
        return Unread(f"/{_RULES} was not collected")
    return [
        rule
        for name, text in host.matching(f"{_RULES}/*.rules").items()
        for rule in _of_file(host, name, text)
    ]


def _of_file(host: Evidence, name: str, text: str) -> Iterator[_Rule]:
    for line in text.replace("\\\n", " ").splitlines():
        writes = None if line.lstrip().startswith("#") else _WRITES.search(line)
        if writes:
            address, interface = _ADDRESS.search(line), _INTERFACE.search(line)
            pci = address[1] if address else bus_info(host, interface[1]) if interface else None
            yield _Rule(pci, ConfiguredVfs(int(writes[1]), f"/{name}"))


def _by_rules(function: Function, rules: Iterable[_Rule], *, alone: bool) -> ConfiguredVfs | Unread:
    named = [rule.asked for rule in rules if rule.pci == function.pci]
    open_ones = [rule.asked for rule in rules if rule.pci is None]
    counts = {asked.count for asked in named or open_ones}
    if not counts:
        return ConfiguredVfs(0, "")
    if len(counts) > 1:
        return Unread(f"udev's rules ask for {', '.join(map(str, sorted(counts)))}")
    asked = (named or open_ones)[0]
    return replace(asked, sure=bool(named) or alone)

# SPDX-License-Identifier: Apache-2.0
"""Whether what udev would compare is true of an adapter: yes, no, or not known.

Source: udev(7): KERNEL, DRIVER, ATTR and ENV are of the device of the event, their plurals of it or
of any device above it.  An adapter has three kinds of events: its PCI function's, and those of its
network interface and of its InfiniBand device, whose `device` is the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ibstack.formats.pci_ids import INFINIBAND, VENDOR
from ibstack.formats.udev_rules import Token, matches

_GUARDS: Final = re.compile(r"(?:device/)?sriov_\w+$")
"""Attributes that a rule asks for before it writes: of every adapter in question."""
_NAMES: Final = {
    ("NAME", ""),
    ("INTERFACE", ""),
    ("ENV", "INTERFACE"),
    ("ENV", "ID_NET_NAME"),
}
_WILD: Final = re.compile(r"[*?\[|]")
_LAST_DIGIT: Final = re.compile(r"\.(?:\*|\?|\[[^\]]*\])$")
"""Of an address whose function alone is open: it is of one card."""
_LIKE_ADDRESS: Final = re.compile(r"[0-9a-fA-F*?\[\]-]+:[^:]+(?::[^:]+)?\.[^.]+|pci.*:.*")
_PARENTS: Final = {"KERNELS", "DRIVERS", "SUBSYSTEMS", "ATTRS"}
_SPECIFIC: Final = {
    *_NAMES,
    *(("KERNEL", ""), ("KERNELS", ""), ("ENV", "PCI_SLOT_NAME"), ("ENV", "ID_PATH")),
    *(("ENV", "ID_PATH_TAG"), ("IBDEV", "")),
}
_SUBSYSTEMS: Final = ("pci", "net", "infiniband")


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What is known of one adapter."""

    pci: str | None = None
    """With its domain; None, here and below: not known."""
    drivers: frozenset[str] | None = None
    """Of the kernel, such as mlx5_core; of several it has one."""
    device: int | None = None
    class_code: int | None = None
    interfaces: frozenset[str] = frozenset()
    """Network interfaces that are known to be its."""
    has_no_other: bool = False
    """These are all of its interfaces."""
    others: frozenset[str] = frozenset()
    """Network interfaces that are known to be another's."""
    devices: frozenset[str] = frozenset()
    """Names of its InfiniBand device."""
    other_devices: frozenset[str] = frozenset()
    bridges: frozenset[str] = frozenset()
    """PCI addresses of bridges, some of which it is behind."""


@dataclass(frozen=True, slots=True)
class _Values:
    """What a key may be of an adapter."""

    known: frozenset[str]
    others: frozenset[str] = frozenset()
    """What it is known not to be, where *complete* is false."""
    complete: bool = True
    """False: it may be something else."""
    above: frozenset[str] | None = frozenset()
    """What it may be of a device above the function; None: anything."""


def fits(
    conditions: Iterable[Token], adapter: AdapterFacts, within: Iterable[Token] = ()
) -> bool | None:
    """Tell whether all *conditions* hold of the adapter; None: not known.

    *within*: the conditions of another rule, whose events alone matter.
    """
    said = list(conditions)
    events = _events(list(within) or said)
    held = [_matches_adapter(token, adapter, events) for token in said]
    if False in held:
        return False
    return None if None in held else True


def names_one(conditions: Iterable[Token]) -> bool:
    """Tell whether the conditions say which adapter is meant, and not only of what kind."""
    return any(
        (token.key, token.attribute) in _SPECIFIC
        and token.operator == "=="
        and not _WILD.search(_LAST_DIGIT.sub("", token.value))
        for token in conditions
    )


def _events(conditions: Iterable[Token]) -> tuple[str, ...]:
    """Return the kinds of events that a rule may be about."""
    for token in conditions:
        if token.key == "SUBSYSTEM":
            wanted = token.operator == "=="
            return tuple(each for each in _SUBSYSTEMS if matches(token, [each]) is wanted)
    return _SUBSYSTEMS


def _matches_adapter(token: Token, adapter: AdapterFacts, events: tuple[str, ...]) -> bool | None:
    if token.key == "SUBSYSTEM":
        wanted = token.operator == "=="
        of_events = {matches(token, [each]) is wanted for each in events}
        return None if len(of_events) > 1 else of_events == {True}
    if token.key == "ACTION":
        happens = matches(token, ("add", "bind", "change", "move", "online"))
        return happens if token.operator == "==" else not matches(token, ("add",))
    if token.key in {"ATTR", "TEST"} and _GUARDS.match(token.attribute or token.value):
        return True
    values = _values(token, adapter, events)
    if values is None:
        return None
    held = _compared(token, values)
    if token.operator == "!=":
        return _denied(token, held)
    return held


def _denied(token: Token, held: bool | None) -> bool | None:
    """Return what `!=` says; of several devices one that differs is enough."""
    if held is None:
        return None
    return None if held and token.key in _PARENTS else not held


def _compared(token: Token, values: _Values) -> bool | None:
    if matches(token, values.known):
        return True
    if token.key in _PARENTS and (values.above is None or matches(token, values.above)):
        return None
    if values.complete:
        return False
    # A name without patterns that is known to be another's, or one that no interface has.
    alternatives = token.value.split("|")
    foreign = all(each in values.others or _LIKE_ADDRESS.fullmatch(each) for each in alternatives)
    return False if foreign else None


def _values(token: Token, adapter: AdapterFacts, events: tuple[str, ...]) -> _Values | None:
    where = (token.key, token.attribute)
    if where in _NAMES:
        return _Values(adapter.interfaces, adapter.others, complete=adapter.has_no_other)
    if token.key == "KERNEL":
        return _kernel_names(adapter, events)
    if where == ("IBDEV", ""):
        return _Values(adapter.devices, adapter.other_devices, complete=bool(adapter.devices))
    attribute = token.attribute.removeprefix("device/")
    if token.key in {"ATTR", "ATTRS"}:
        of_function = token.attribute != attribute or token.key == "ATTRS" or "pci" in events
        read = (_ATTRIBUTES if of_function else _OF_INTERFACE).get(attribute)
    else:
        read = _KEYS.get(where)
    return read(adapter) if read else None


def _kernel_names(adapter: AdapterFacts, events: tuple[str, ...]) -> _Values:
    known = {adapter.pci} if adapter.pci and "pci" in events else set()
    known |= adapter.interfaces if "net" in events else set()
    known |= adapter.devices if "infiniband" in events else set()
    of_function = events == ("pci",) and adapter.pci is not None
    of_interface = "pci" not in events and adapter.has_no_other
    return _Values(frozenset(known), adapter.others, complete=of_function or of_interface)


def _addresses(adapter: AdapterFacts) -> _Values | None:
    """Return what KERNELS may be: the function's own address, or that of what is above it."""
    if adapter.pci is None:
        return None
    names = frozenset({adapter.pci, *adapter.interfaces, *adapter.devices})
    # A root's name is pci0000:00, of which the bus is not known.
    roots = {f"pci{adapter.pci[:-8]}:{bus:02x}" for bus in range(256)}
    return _Values(names, complete=True, above=adapter.bridges | roots)


def _drivers(adapter: AdapterFacts) -> _Values | None:
    if adapter.drivers is None:
        return None
    return _Values(adapter.drivers, above=frozenset({"pcieport"}))


def _net_drivers(adapter: AdapterFacts) -> _Values | None:
    if adapter.drivers is None:
        return None
    accelerated = {f"{driver}[ib_ipoib]" for driver in adapter.drivers}
    return _Values(adapter.drivers | accelerated | {"ib_ipoib"})


def _only(value: str | None) -> _Values | None:
    return None if value is None else _Values(frozenset({value}))


def _device(adapter: AdapterFacts) -> _Values | None:
    return _only(None if adapter.device is None else f"0x{adapter.device:04x}")


def _pci_id(adapter: AdapterFacts) -> _Values:
    if adapter.device is None:
        return _Values(frozenset(), complete=False)
    return _Values(frozenset({f"{VENDOR:04X}:{adapter.device:04X}"}))


def _type(adapter: AdapterFacts) -> _Values | None:
    """Return the interface's type: 32 of what is InfiniBand alone (linux/if_arp.h)."""
    return _only("32" if adapter.class_code == INFINIBAND else None)


def _vendor(_: AdapterFacts) -> _Values:
    # Above an adapter are bridges of the processor's maker.
    return _Values(frozenset({f"0x{VENDOR:04x}"}), above=None)


def _class(adapter: AdapterFacts) -> _Values | None:
    if adapter.class_code is None:
        return None
    return _Values(frozenset({f"0x{adapter.class_code:04x}00"}), above=frozenset({"0x060400"}))


_Read = Callable[[AdapterFacts], _Values | None]
_ATTRIBUTES: Final[Mapping[str, _Read]] = {
    "vendor": _vendor,
    "device": _device,
    "class": _class,
    "type": _type,
}
_OF_INTERFACE: Final[Mapping[str, _Read]] = {"type": _type}
_KEYS: Final[Mapping[tuple[str, str], _Read]] = {
    ("KERNELS", ""): _addresses,
    ("DRIVER", ""): _drivers,
    ("DRIVERS", ""): _drivers,
    ("SUBSYSTEMS", ""): lambda _: _Values(frozenset(_SUBSYSTEMS)),
    ("ENV", "DRIVER"): _drivers,
    ("ENV", "ID_NET_DRIVER"): _net_drivers,
    ("ENV", "ID_VENDOR_ID"): _vendor,
    ("ENV", "ID_MODEL_ID"): _device,
    ("ENV", "PCI_ID"): _pci_id,
    ("ENV", "PCI_SLOT_NAME"): lambda adapter: _only(adapter.pci),
    ("ENV", "ID_PATH"): lambda adapter: _only(adapter.pci and f"pci-{adapter.pci}"),
    ("ENV", "ID_PATH_TAG"): lambda adapter: _only(
        adapter.pci and f"pci-{re.sub('[:.]', '_', adapter.pci)}"
    ),
}

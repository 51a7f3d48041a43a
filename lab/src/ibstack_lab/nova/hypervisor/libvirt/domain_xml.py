# SPDX-License-Identifier: Apache-2.0
"""Domains as XML (https://libvirt.org/formatdomain.html): their devices, and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ALIAS_PREFIXES: Final = {"interface": "net", "filesystem": "fs", "controller": "ctrl"}
"""What libvirt calls a device in its events, where that is not the name of its element."""
_ADDRESS_PARTS: Final = ("domain", "bus", "slot", "function")


def parse(text: str) -> Element:
    return ElementTree.fromstring(text)  # noqa: S314  nova's own


def write(root: Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def pci_addresses(root: Element) -> tuple[str, ...]:
    """Return the host addresses of what a domain has passed through, as 0000:05:00.1."""
    found = (_passed_through(device) for device in root.iterfind("devices/*"))
    return tuple(address for address in found if address)


def pci_address(device: Element) -> str | None:
    """Return the host address of one device of a domain; None where it has none."""
    return _passed_through(device)


def with_aliases(text: str) -> str:
    """Return a domain in which each device has a name, as one that runs has them."""
    root = parse(text)
    for device in root.iterfind("devices/*"):
        _name(root, device)
    return write(root)


def with_device(text: str, device: str, *, is_live: bool) -> str:
    """Return a domain with one device more; where it runs the device gets a name."""
    root = parse(text)
    added = parse(device)
    _devices(root).append(added)
    if is_live:
        _name(root, added)
    return write(root)


def without_device(text: str, wanted: str) -> tuple[str, Element | None]:
    """Return a domain less the device that *wanted* describes, and that; None where it has none."""
    root = parse(text)
    like = parse(wanted)
    for device in root.iterfind(f"devices/{like.tag}"):
        if _is_same(device, like):
            _devices(root).remove(device)
            return write(root), device
    return text, None


def alias(device: Element) -> str:
    """Return the name of a device that runs; empty where it has none."""
    found = device.find("alias")
    return "" if found is None else found.get("name", "")


def _devices(root: Element) -> Element:
    found = root.find("devices")
    return ElementTree.SubElement(root, "devices") if found is None else found


def _name(root: Element, device: Element) -> None:
    """Give *device* the lowest number that no other device of its kind has."""
    if device.find("alias") is not None:
        return
    prefix = _ALIAS_PREFIXES.get(device.tag, device.tag)
    taken = {alias(other) for other in root.iterfind("devices/*")}
    number = next(n for n in range(len(taken) + 1) if f"{prefix}{n}" not in taken)
    ElementTree.SubElement(device, "alias", name=f"{prefix}{number}")


def _passed_through(device: Element) -> str | None:
    address = device.find("source/address")
    if address is None or address.get("bus") is None:
        return None
    domain, bus, slot, function = (int(address.get(part, "0"), 16) for part in _ADDRESS_PARTS)
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _is_same(device: Element, like: Element) -> bool:
    """Compare what names a device: where it is on the host, its MAC address, its place."""
    if (address := _passed_through(like)) is not None:
        return _passed_through(device) == address
    for path, attribute in (("mac", "address"), ("target", "dev")):
        if (named := like.find(path)) is not None:
            found = device.find(path)
            return found is not None and found.get(attribute) == named.get(attribute)
    return False

# SPDX-License-Identifier: Apache-2.0
"""What a configuration of ibstack-eswitchd says: an ini file, networking-mlnx's own included.

ibstack-eswitchd reads its file with this, and so does what looks at that file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.formats.ini import NotIni, lenient_sections
from ibstack.formats.settings import Option, values_by_field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as ReadOnly

# IFNAMSIZ of linux/if.h is 16 with its zero.  The kernel takes quotes, and nobody means them.
_INTERFACE: Final = re.compile(r"[^\s/:'\"]{1,15}")
_QUOTES: Final = frozenset("'\"")
_AUTOMATIC: Final = {
    "autoib": "whichever InfiniBand adapter there was",
    "autoeth": "whichever Ethernet adapter there was, and ibstack serves InfiniBand",
}
"""Words of the eswitchd before networking-mlnx took it in (mellanox-eswitchd, eswitch_handler.py,
add_fabrics()) in place of an interface.  It ended where there was another number than one."""


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("expected a path that begins with /")
    return text


_OWN: Final = "eswitchd"
_SCHEMA: Final = {
    _OWN: {
        "socket": Option("socket", _path),
        "group": Option("group"),
        "state_path": Option("state_path", _path),
        "sysfs": Option("sysfs", _path),
    }
}
OWN_KEYS: Final = tuple(_SCHEMA[_OWN])
MAPPING_KEYS: Final = (("eswitch", "physical_interface_mappings"), ("daemon", "fabrics"))
"""Section and key of the mappings: networking-mlnx's agent and its eswitchd each had their own.
The first of them that has a value counts."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """An interface that serves a physical network."""

    physical_network: str
    interface: str


@dataclass(frozen=True, slots=True)
class EswitchdConf:
    """What a file says.  With any fault the daemon refuses all of it."""

    mappings: tuple[Mapping, ...]
    own: ReadOnly[str, object]
    """What [eswitchd] says, which is ibstack's own: by key, texts."""
    faults: tuple[str, ...]
    """One sentence each."""


def read(text: str, where: str) -> EswitchdConf:
    """Return what *text* says; BadInput where it is no ini file at all.

    *where*: the file's name, for the complaint.
    """
    try:
        sections = lenient_sections(text, where)
    except NotIni as error:
        what = "; ".join(f"line {line}: {what}" for line, what in error.faults)
        raise BadInput(f"cannot read the configuration {where}: {what}") from error
    faults: list[str] = []
    mappings = _mappings(sections, faults)
    written = {_OWN: sections.get(_OWN, {})}
    own = values_by_field(written, _SCHEMA, faults, alternatives=_all_there_are, noun="option")
    return EswitchdConf(mappings, own, tuple(faults))


def _all_there_are(_: str, known: Iterable[str]) -> str:
    return f"; there are {', '.join(known)}"


def items(text: str) -> list[str]:
    """Return the elements of a value, without quotes around all: fabrics = 'ibhostnet:ib0'."""
    parts = (part.strip() for part in text.strip("'\"\n ").split(","))
    return [part for part in parts if part]


def parse_mapping(item: str) -> Mapping | None:
    """Read one element; None for what is no PHYSICAL_NETWORK:INTERFACE, quotes in it included."""
    physical_network, _, interface = (part.strip() for part in item.partition(":"))
    if not physical_network or _QUOTES & set(physical_network):
        return None
    if not _INTERFACE.fullmatch(interface):
        return None
    return Mapping(physical_network, interface)


def is_automatic(interface: str) -> bool:
    """Tell whether it is a word of the former eswitchd for whichever adapter there was."""
    return interface.lower() in _AUTOMATIC


def parse_mappings(text: str, faults: list[str], where: str) -> tuple[Mapping, ...]:
    """Read PHYSICAL_NETWORK:INTERFACE, separated by commas; add what is wrong to *faults*."""
    found: list[Mapping] = []
    for item in items(text):
        mapping = parse_mapping(item)
        if mapping is None:
            faults.append(f"{where}: {item!r}: expected PHYSICAL_NETWORK:INTERFACE")
        elif is_automatic(mapping.interface):
            faults.append(
                f"{where}: {item!r}: {mapping.interface} was older eswitchd's word for"
                f" {_AUTOMATIC[mapping.interface.lower()]}; name the interface, as `ip link` shows"
                " it"
            )
        elif any(each.interface == mapping.interface for each in found):
            faults.append(f"{where}: {item!r}: interface {mapping.interface} is mapped twice")
        else:
            found.append(mapping)
    return tuple(found)


def _mappings(sections: dict[str, dict[str, str]], faults: list[str]) -> tuple[Mapping, ...]:
    for section, key in MAPPING_KEYS:
        text = sections.get(section, {}).get(key)
        if text:
            return parse_mappings(text, faults, f"[{section}] {key}")
    faults.append(
        "[eswitch] physical_interface_mappings is missing; "
        "for example: physical_interface_mappings = ibhostnet:ib0"
    )
    return ()

# SPDX-License-Identifier: Apache-2.0
"""The configuration of ibstack-eswitchd: an ini file, networking-mlnx's own included."""

from __future__ import annotations

import configparser
import grp
import os
import re
from dataclasses import dataclass
from typing import Final

from ibstack.fabric.errors import BadInput
from ibstack.host.adapters import Mapping
from ibstack.host.eswitch_client import DEFAULT_SOCKET

_DEFAULT_STATE: Final = "/var/lib/ibstack/eswitchd"
_INTERFACE: Final = re.compile(r"[^\s/:]{1,15}")  # IFNAMSIZ of linux/if.h is 16 with its zero.
_AUTOMATIC: Final = {
    "autoib": "whichever InfiniBand adapter there was",
    "autoeth": "whichever Ethernet adapter there was, and ibstack serves InfiniBand",
}
"""Words of the eswitchd before networking-mlnx took it in (mellanox-eswitchd, eswitch_handler.py,
add_fabrics()) in place of an interface.  It ended where there was another number than one."""
_OWN_KEYS: Final = ("socket", "group", "state_path", "sysfs")
# Where the mappings may stand: networking-mlnx's agent and its eswitchd each had their own.
_MAPPING_KEYS: Final = (("eswitch", "physical_interface_mappings"), ("daemon", "fabrics"))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the daemon was told."""

    mappings: tuple[Mapping, ...]
    socket: str = DEFAULT_SOCKET
    group: int | None = None
    """A group id; None: root alone."""
    state_path: str = _DEFAULT_STATE
    sysfs: str = "/sys"


def load(path: str | os.PathLike[str]) -> Settings:
    """Read the file at *path*; BadInput that tells all of its faults at once."""
    where = os.fspath(path)
    sections = _sections(where)
    faults: list[str] = []
    mappings = _mappings(sections, faults)
    own = sections.get("eswitchd", {})
    faults += [
        f"[eswitchd] {key}: there is no such option; there are {', '.join(_OWN_KEYS)}"
        for key in own
        if key not in _OWN_KEYS
    ]
    for key in ("socket", "state_path", "sysfs"):
        if key in own and not own[key].startswith("/"):
            faults.append(f"[eswitchd] {key} = {own[key]}: expected a path that begins with /")
    group = _group(own.get("group", ""), faults)
    if faults:
        raise BadInput("\n".join([f"cannot use the configuration {where}:", *_indented(faults)]))
    return Settings(
        mappings=mappings,
        socket=own.get("socket", DEFAULT_SOCKET),
        group=group,
        state_path=own.get("state_path", _DEFAULT_STATE),
        sysfs=own.get("sysfs", "/sys"),
    )


def parse_mappings(text: str, faults: list[str], where: str) -> tuple[Mapping, ...]:
    """Read PHYSICAL_NETWORK:INTERFACE, separated by commas; add what is wrong to *faults*."""
    found: list[Mapping] = []
    # Quotes as in the files of old: fabrics = 'ibhostnet:ib0'.
    for item in filter(None, (part.strip() for part in text.strip("'\"\n ").split(","))):
        physical_network, _, interface = (part.strip() for part in item.partition(":"))
        if not physical_network or not _INTERFACE.fullmatch(interface):
            faults.append(f"{where}: {item!r}: expected PHYSICAL_NETWORK:INTERFACE")
        elif interface.lower() in _AUTOMATIC:
            faults.append(
                f"{where}: {item!r}: {interface} was older eswitchd's word for"
                f" {_AUTOMATIC[interface.lower()]}; name the interface, as `ip link` shows it"
            )
        elif any(mapping.interface == interface for mapping in found):
            faults.append(f"{where}: {item!r}: interface {interface} is mapped twice")
        else:
            found.append(Mapping(physical_network, interface))
    return tuple(found)


def _sections(where: str) -> dict[str, dict[str, str]]:
    # Sections of one name are merged and case does not count, as in the files of old.
    parser = configparser.RawConfigParser(strict=False, default_section="no such section")
    try:
        with open(where, encoding="utf-8") as file:
            text = file.read()
        if "\0" in text:
            raise BadInput(f"cannot read the configuration {where}: it holds zero bytes")
        parser.read_string(text, where)
    except OSError as error:
        raise BadInput(f"cannot read the configuration {where}: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the configuration {where}: {error}") from error
    sections: dict[str, dict[str, str]] = {}
    for name in parser.sections():
        values = {key: value.strip() for key, value in parser.items(name)}
        sections.setdefault(name.lower(), {}).update(values)
    return sections


def _mappings(sections: dict[str, dict[str, str]], faults: list[str]) -> tuple[Mapping, ...]:
    for section, key in _MAPPING_KEYS:
        text = sections.get(section, {}).get(key)
        if text:
            return parse_mappings(text, faults, f"[{section}] {key}")
    faults.append(
        "[eswitch] physical_interface_mappings is missing; "
        "for example: physical_interface_mappings = ibhostnet:ib0"
    )
    return ()


def _group(name: str, faults: list[str]) -> int | None:
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        faults.append(f"[eswitchd] group = {name}: there is no such group on this host")
        return None


def _indented(faults: list[str]) -> list[str]:
    return [f"  {fault}" for fault in faults]

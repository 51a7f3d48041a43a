# SPDX-License-Identifier: Apache-2.0
"""What network files ask for VFs: .link files, NetworkManager, ifcfg, netplan, os-net-config.

Sources: systemd.link(5), SR-IOVVirtualFunctions=; NetworkManager's nm-settings-keyfile(5),
[sriov] total-vfs; nm-settings-ifcfg-rh(5), SRIOV_TOTAL_VFS; netplan(5), virtual-function-count;
os-net-config, sriov_pf with numvfs, and its sriov_config.yaml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.formats.host_paths import that_count
from ibstack.formats.udev_rules import Token
from ibstack.formats.vf_request import SOMETHING, VfRequest, at_address, of_interface

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEY: Final = re.compile(r"\s*([\w-]+)\s*=\s*(.*?)\s*$")
_LINK_COUNT: Final = ("link", "SR-IOVVirtualFunctions")
_LINKS: Final = {"Path": "ID_PATH", "Driver": "ID_NET_DRIVER"}
_TYPES: Final = {"infiniband": "32", "ether": "1"}
_YAML: Final = re.compile(r"^(\s*(?:-\s+)*)([\w.-]+|\"[^\"]*\"|'[^']*')\s*:\s*(.*?)\s*(?:\s#.*)?$")
_COUNTS: Final = ("virtual-function-count", "numvfs")
_ANY_NAME: Final = re.compile(r"[\w.-]+")


def of_links(files: Mapping[str, str]) -> Iterator[VfRequest]:
    """Yield what .link files ask for; the first file that fits an interface is the only one."""
    before: list[tuple[Token, ...]] = []
    for path, text in that_count(files, "systemd/network", (".link",)):
        keys = list(_ini(text))
        matched = [_condition(k, value) for _, section, k, value in keys if section == "match"]
        # A file without [Match] fits all before systemd 243, and nothing from there on.
        when = (Token("SUBSYSTEM", "", "==", "net"), *(matched or [SOMETHING]))
        for number, section, key, value in keys:
            if (section, key) == _LINK_COUNT:
                yield VfRequest(path, number, _count(value), when, tuple(before))
        before.append(when)


def of_drop_in(path: str, text: str) -> Iterator[VfRequest]:
    """Yield what a drop-in of a .link file asks for; whose, the file itself says."""
    for number, section, key, value in _ini(text):
        if (section, key) == _LINK_COUNT:
            yield VfRequest(path, number, _count(value), (SOMETHING,))


def _condition(key: str, value: str) -> Token:
    operator = "!=" if value.startswith("!") else "=="
    words = value.removeprefix("!").split()
    if key == "OriginalName":
        return Token("KERNEL", "", operator, "|".join(words))
    if key in _LINKS:
        return Token("ENV", _LINKS[key], operator, "|".join(words))
    if key == "Type" and set(words) <= _TYPES.keys():
        return Token("ATTR", "type", operator, "|".join(_TYPES[word] for word in words))
    if key == "Property" and len(words) == 1:
        name, _, text = words[0].partition("=")
        return Token("ENV", name, operator, text)
    return SOMETHING


def of_keyfile(path: str, text: str) -> Iterator[VfRequest]:
    """Yield what a connection of NetworkManager asks for."""
    keys = list(_ini(text))
    said = {(section, key): value for _, section, key, value in keys}
    name = said.get(("connection", "interface-name"), "")
    place = re.search(r"pci-([0-9a-fA-F:.]+)", said.get(("match", "path"), ""))
    for number, section, key, value in keys:
        if (section, key) == ("sriov", "total-vfs"):
            when = of_interface(name) if name else at_address(place[1]) if place else SOMETHING
            yield VfRequest(path, number, _count(value), (when,), acts=False)


def of_ifcfg(path: str, text: str) -> Iterator[VfRequest]:
    """Yield what an ifcfg file asks for."""
    keys = list(_ini(text))
    names = [value.strip("\"'") for _, _, key, value in keys if key == "DEVICE"]
    for number, _, key, value in keys:
        if key == "SRIOV_TOTAL_VFS":
            when = of_interface(names[-1]) if names else SOMETHING
            yield VfRequest(path, number, _count(value.strip("\"'")), (when,), acts=False)


def of_yaml(path: str, text: str) -> Iterator[VfRequest]:
    """Yield what a file of netplan or of os-net-config asks for.

    Only the block form is understood; of another, and of anchors, the interface is not known.
    """
    keys = list(_block(text))
    for place, (number, depth, key, value) in enumerate(keys):
        if key in _COUNTS:
            name = (
                _yaml_name(keys, place, depth) if key == "numvfs" else _parent(keys, place, depth)
            )
            when = of_interface(name) if name else SOMETHING
            yield VfRequest(path, number, _count(value), (when,), acts=False)
    flow = [line for line in text.splitlines() if "{" in line and any(c in line for c in _COUNTS)]
    if flow:
        number = text.splitlines().index(flow[0]) + 1
        yield VfRequest(path, number, None, (SOMETHING,), acts=False)


def _parent(keys: list[tuple[int, int, str, str]], place: int, depth: int) -> str:
    """Return the name of the block around a key; empty where a match says which interface it is."""
    start = next((n for n in range(place, -1, -1) if keys[n][1] < depth), None)
    if start is None:
        return ""
    end = next((n for n in range(start + 1, len(keys)) if keys[n][1] < depth), len(keys))
    inside = {key: value for _, at, key, value in keys[start + 1 : end] if at == depth}
    if inside.get("set-name"):
        return inside["set-name"]
    if "match" not in inside:
        return keys[start][2]
    matched = [value for _, at, key, value in keys[start:end] if key == "name" and at > depth]
    return matched[0] if matched and _ANY_NAME.fullmatch(matched[0]) else ""


def _yaml_name(keys: list[tuple[int, int, str, str]], place: int, depth: int) -> str:
    """Return the `name` that stands beside a key, in the same item of a list."""
    near = [n for n in range(len(keys)) if keys[n][2] == "name" and keys[n][1] == depth]
    best = min(near, key=lambda n: abs(n - place), default=None)
    return keys[best][3] if best is not None else ""


def _block(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield line, depth, key and value of each `key: value` of a block."""
    for number, line in enumerate(text.splitlines(), 1):
        found = None if line.lstrip().startswith("#") else _YAML.match(line)
        if found:
            yield number, len(found[1]), found[2].strip("\"'"), found[3].strip("\"'")


def _ini(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, section, key and value; of a section the name in small letters."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("[") and bare.endswith("]"):
            section = bare[1:-1].lower()
        elif bare and bare[0] not in "#;" and (found := _KEY.match(line)):
            yield number, section, found[1], found[2]


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None

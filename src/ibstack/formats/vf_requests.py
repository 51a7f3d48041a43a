# SPDX-License-Identifier: Apache-2.0
"""Every place in a host's files that asks for virtual functions, but for mlx4_core's option.

Rules of udev, units of systemd, .link files, scripts that run at the start, NetworkManager, ifcfg,
netplan, os-net-config, sysfs.conf and tmpfiles.d.  What makes VFs by a program of its own is not
seen here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from ibstack.formats import script_writes, vf_files
from ibstack.formats.host_paths import folders, that_count
from ibstack.formats.modprobe_options import BELOW as MODPROBE
from ibstack.formats.script_writes import ATTRIBUTE, MAKES_VFS, Write, of_script
from ibstack.formats.udev_rules import BELOW as UDEV
from ibstack.formats.udev_rules import Rule, Token, all_rules
from ibstack.formats.vf_request import SOMETHING, VfRequest, at_address, of_interface

Writes = Callable[[str], Iterable[Write]]
Requests = Callable[[str, str], Iterable[VfRequest]]

WORDS: Final = re.compile(r"sriov|SR-IOV|total-vfs|virtual-function-count|num_?vfs", re.IGNORECASE)
"""What a file has that says anything of virtual functions."""
_SCRIPTS: Final = (
    *("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/network/", "/etc/init.d/", "/etc/rc.d/"),
    *("/etc/cron.d/", "/etc/crontab", "/etc/local.d/", "/etc/infiniband/", "/etc/rdma/"),
    *("/etc/sysconfig/network-scripts/ifup-", "/etc/NetworkManager/dispatcher.d/"),
    *("/etc/networkd-dispatcher/", "/usr/local/sbin/", "/usr/local/bin/"),
)
_UNITS: Final = tuple(f"{folder}/" for folder in folders("systemd/system"))
_SYSFS: Final = ("/etc/sysfs.conf", "/etc/sysfs.d/")
_TMPFILES: Final = "tmpfiles.d"
_NETWORK: Final[tuple[tuple[tuple[str, ...], Requests], ...]] = (
    (
        ("/etc/NetworkManager/system-connections/", "/run/NetworkManager/system-connections/"),
        vf_files.of_keyfile,
    ),
    (("/etc/sysconfig/network-scripts/ifcfg-",), vf_files.of_ifcfg),
    (("/etc/netplan/", "/run/netplan/", "/lib/netplan/", "/usr/lib/netplan/"), vf_files.of_yaml),
    (("/etc/os-net-config/",), vf_files.of_yaml),
)
PLACES: Final = (
    *(f"{folder}/" for folder in folders(UDEV)),
    *(f"{folder}/" for folder in folders("systemd/network")),
    *(f"{folder}/" for folder in folders(_TMPFILES)),
    *(*_UNITS, *_SCRIPTS, *_SYSFS),
    *(place for places, _ in _NETWORK for place in places),
)
"""How the paths of such files begin."""
ELSEWHERE: Final = tuple(
    sorted(
        place.strip("/")
        for place in {*PLACES, *(f"{folder}/" for folder in folders(MODPROBE))}
        if place.endswith("/") and not place.startswith("/etc/")
    )
)
"""Folders outside of etc whose files say anything of modules' options and of VFs."""
_NUMVFS: Final = re.compile(rf"(?:\[(\w+)/([^\]]+)\])?(device/)?{ATTRIBUTE}$")
_ITSELF: Final = re.compile(
    r"%[kSp]|\$(?:kernel|name|devpath|sys)\b|%E\{INTERFACE\}|\$env\{INTERFACE\}"
)
_PROGRAMS: Final = {"RUN", "PROGRAM", "IMPORT"}
_EXEC: Final = re.compile(r"\s*Exec\w+\s*=")


def vf_requests(files: Mapping[str, str]) -> Iterator[VfRequest]:
    """Yield all of them; *files*: texts by path."""
    yield from _of_udev(files)
    yield from vf_files.of_links(files)
    for path, text in that_count(files, _TMPFILES, (".conf",)):
        yield from _plain(path, script_writes.of_tmpfiles(text))
    for path, text in sorted(files.items()):
        yield from _of_file(path, text)


def _of_file(path: str, text: str) -> Iterator[VfRequest]:
    if ".link.d/" in path:
        yield from vf_files.of_drop_in(path, text)
    elif path.startswith(_UNITS):
        yield from _of_unit(path, text)
    elif path.startswith(_SYSFS):
        yield from _plain(path, script_writes.of_sysfs_conf(text))
    elif path.startswith(_SCRIPTS):
        yield from _plain(path, of_script(text))
    else:
        for places, read in _NETWORK:
            if path.startswith(places):
                yield from read(path, text)


def _plain(path: str, writes: Iterable[Write]) -> Iterator[VfRequest]:
    # The last write to an adapter counts: a script may write 0 first.
    last = {write.target: write for write in writes}
    for write in last.values():
        yield VfRequest(path, write.line, write.count, (write.target,), acts=False)


def _of_unit(path: str, text: str) -> Iterator[VfRequest]:
    """Yield what a unit's commands write; whether it is enabled, another text tells."""
    inside = next(path.removeprefix(each) for each in _UNITS if path.startswith(each))
    unit = inside.partition("/")[0].removesuffix(".d")
    for each in _plain(path, of_script(text.replace("%%", "%"))):
        yield replace(each, unit=unit)
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        # A program whose name tells what it does, and nothing of how many.
        names_it = _EXEC.match(line) and re.search(r"sriov|numvfs", line, re.I)
        if names_it and not MAKES_VFS.search(line):
            yield VfRequest(path, number, None, (SOMETHING,), acts=False, unit=unit)


def _of_udev(files: Mapping[str, str]) -> Iterator[VfRequest]:
    for rules in all_rules(files):
        for place, rule in enumerate(rules):
            for count, target in _written(rule):
                if target is not None:
                    # What the event is about says little of whose VFs the rule makes.
                    yield VfRequest(rule.file, rule.line, count, (target,), acts=False)
                    continue
                jumps = tuple(_jumps_over(rules, place))
                yield VfRequest(rule.file, rule.line, count, _conditions(rule), jumps)


def _jumps_over(rules: tuple[Rule, ...], place: int) -> Iterator[tuple[Token, ...]]:
    """Yield the conditions under which an earlier GOTO leaves this rule out."""
    for rule in rules[:place]:
        label = rule.value("GOTO")
        behind = rules[place + 1 :]
        if label is not None and any(each.value("LABEL") == label for each in behind):
            yield rule.conditions


def _written(rule: Rule) -> Iterator[tuple[int | None, Token | None]]:
    """Yield how many a rule makes, and of which adapter; None: of the event's own."""
    for token in rule.tokens:
        if token.compares:
            continue
        named = _NUMVFS.match(token.attribute) if token.key == "ATTR" else None
        if named:
            count = int(token.value) if token.value.isdecimal() else None
            yield count, _in_brackets(named[1], named[2])
        elif token.key in _PROGRAMS and MAKES_VFS.search(token.value):
            filled, places = _ITSELF.subn("ITSELF", token.value)
            for write in of_script(filled):
                is_own = write.target == SOMETHING or "ITSELF" in write.target.value
                yield write.count, None if is_own and places else write.target


def _conditions(rule: Rule) -> tuple[Token, ...]:
    """Return a rule's conditions, and the kind of event where what it writes alone tells that."""
    itself = any(MAKES_VFS.fullmatch(t.attribute) for t in rule.tokens if not t.compares)
    if itself and not any(token.key == "SUBSYSTEM" for token in rule.conditions):
        return (Token("SUBSYSTEM", "", "==", "pci"), *rule.conditions)
    return rule.conditions


def _in_brackets(subsystem: str | None, name: str | None) -> Token | None:
    """Return which adapter ATTR{[SUBSYSTEM/NAME]…} is about."""
    if not subsystem or not name:
        return None
    return at_address(name) if subsystem == "pci" else of_interface(name)

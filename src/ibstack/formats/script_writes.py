# SPDX-License-Identifier: Apache-2.0
"""What lines of a shell script, of sysfs.conf and of tmpfiles.d write that makes VFs.

Sources: kernel Documentation/PCI/pci-iov-howto.rst, sriov_numvfs; MLNX_OFED's manual, "Setting Up
SR-IOV" of mlx5, whose driver also has mlx5_num_vfs, for kernels without the other; sysfs.conf(5)
of sysfsutils; tmpfiles.d(5), type w.
A script is not run: what it writes under conditions is taken for written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.vf_request import SOMETHING, at_address, of_device, of_interface

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.formats.udev_rules import Token

ATTRIBUTE: Final = r"(?:sriov_numvfs|mlx5_num_vfs)"
"""A pattern of the names of the attribute of sysfs."""
MAKES_VFS: Final = re.compile(ATTRIBUTE)
_PATH: Final = rf"[^\s\"'|;&<>()]*{ATTRIBUTE}"
_QUOTED_PATH: Final = rf"[\"']?({_PATH})[\"']?"
_NUMBER: Final = r"[\"']?([\w${}%.()*/+-]+)[\"']?"
_WRITES: Final = (
    # echo 8 > PATH; printf '%s' 8 > PATH
    re.compile(
        rf"(?:\becho\s+(?:-\w+\s+)*|\bprintf\s+(?:[\"']%\w(?:\\n)?[\"']\s+)?){_NUMBER}\s*1?>>?\|?\s*{_QUOTED_PATH}"
    ),
    # echo 8 | sudo tee PATH
    re.compile(
        rf"\becho\s+(?:-\w+\s+)*{_NUMBER}\s*\|\s*(?:sudo\s+)?tee\s+(?:-\w+\s+)*{_QUOTED_PATH}"
    ),
)
_HERE_STRING: Final = re.compile(rf"\btee\s+(?:-\w+\s+)*{_QUOTED_PATH}\s*<<<\s*{_NUMBER}")
_REDIRECTED: Final = re.compile(rf">>?\|?\s*{_QUOTED_PATH}|\btee\s+(?:-\w+\s+)*{_QUOTED_PATH}")
_ASSIGNED: Final = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z_]\w*)=[\"']?([\w:./-]+)[\"']?\s*(?:;|#|$)"
)
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_ADDRESS: Final = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.I)
_CLASS: Final = re.compile(rf"class/(net|infiniband)/([\w.@-]+)/device/{ATTRIBUTE}$")
_CONF: Final = re.compile(rf"\s*({_PATH})\s*=\s*(\S+)")
_TMPFILE: Final = re.compile(rf"\s*[wf][+!^=~-]*\s+({_PATH})(?:\s+\S+){{4}}\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Write:
    """One write, and to which adapter."""

    line: int
    count: int | None
    """None: not a plain number."""
    target: Token


def of_script(text: str) -> Iterator[Write]:
    """Yield what the lines of a shell script write."""
    variables = _variables(text)
    for number, line in _lines(text):
        if MAKES_VFS.search(line):
            yield from _of_line(number, _filled(line, variables))


def of_sysfs_conf(text: str) -> Iterator[Write]:
    """Yield what the lines of sysfs.conf write: `class/net/ib0/device/sriov_numvfs = 8`."""
    yield from _of_form(text, _CONF)


def of_tmpfiles(text: str) -> Iterator[Write]:
    """Yield what tmpfiles.d writes: `w /sys/class/net/ib0/device/sriov_numvfs - - - - 8`."""
    yield from _of_form(text, _TMPFILE)


def _of_form(text: str, form: re.Pattern[str]) -> Iterator[Write]:
    for number, line in _lines(text):
        found = form.match(line)
        if found:
            yield Write(number, _count(found[2]), target_of(found[1]))


def target_of(path: str) -> Token:
    """Return which adapter a path below /sys belongs to."""
    addresses = _ADDRESS.findall(path)
    if addresses:
        # Of /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.0/sriov_numvfs the last one.
        return at_address(addresses[-1])
    named = _CLASS.search(path)
    if named is None:
        return SOMETHING
    return of_interface(named[2]) if named[1] == "net" else of_device(named[2])


def _of_line(number: int, line: str) -> Iterator[Write]:
    found = [(each[1], each[2]) for form in _WRITES for each in form.finditer(line)]
    found += [(each[2], each[1]) for each in _HERE_STRING.finditer(line)]
    known = {path for _, path in found}
    # A write whose number is made in another way.
    others = [each[1] or each[2] for each in _REDIRECTED.finditer(line)]
    found += [("", path) for path in others if path not in known]
    for count, path in found:
        yield Write(number, _count(count), target_of(path))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines that are no comment, joined where they go on, with the number of their first."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not parts and line.lstrip().startswith(("#", ";")):
            continue
        first = first if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1] + " ")
            continue
        yield first, "".join([*parts, line])
        parts = []


def _variables(text: str) -> dict[str, str]:
    """Return the variables that have one plain value in all of the script."""
    values: dict[str, set[str]] = {}
    for _, line in _lines(text):
        found = _ASSIGNED.match(line)
        if found:
            values.setdefault(found[1], set()).add(found[2])
    looped = set(re.findall(r"\b(?:for|read)\s+(?:-\w+\s+)*(\w+)", text))
    return {
        name: next(iter(said))
        for name, said in values.items()
        if len(said) == 1 and name not in looped
    }


def _filled(line: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), line)


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None

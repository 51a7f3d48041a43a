# SPDX-License-Identifier: Apache-2.0
"""Virtual functions that Nova is to give out: whether something makes them, and who holds them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.lint.checks.adapters import module_option
from ibstack.cluster.lint.checks.neutron_names import FABRIC_MAPPINGS, fabrics, mappings
from ibstack.cluster.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.checks.neutron_names import Mapping
    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile, Setting
    from ibstack.cluster.lint.finding import Place

_SPECS: Final = (("pci", "device_spec"), ("pci", "passthrough_whitelist"))
_RULES: Final = "/etc/udev/rules.d/"
_MAKERS: Final = (_RULES, "/etc/modprobe.d/", "/etc/systemd/", "/etc/network/", "/etc/rc.local")
"""Where sites have what makes virtual functions; a host without any such file is not judged."""
_MADE: Final = re.compile(r'ATTR\{device/sriov_numvfs\}\s*=\s*"(\d+)"')
_PROBED: Final = re.compile(r'ATTR\{device/sriov_drivers_autoprobe\}\s*=\s*"0"')
_NAMED: Final = re.compile(r'(?:NAME|KERNEL|ENV\{INTERFACE\})\s*==\s*"([^"]*)"')
_OTHER_WAYS: Final = ("sriov_numvfs", "SR-IOVVirtualFunctions")
"""Of a script or unit of the site's own, and of systemd.link(5)."""


def not_made(cloud: Cloud) -> Iterator[Finding]:
    """Yield device specifications of InfiniBand for which a host makes no virtual functions."""
    known = fabrics(cloud)
    for host in cloud.hosts:
        if not host.generated and not any(path.startswith(_MAKERS) for path in host.files):
            continue
        for setting in host.of_key(*_SPECS):
            for spec in _read(setting):
                if spec.get("physical_network") in known and not _made(host, spec):
                    yield Finding(
                        "virtual-functions-missing",
                        setting.place,
                        setting.name,
                        setting.value,
                        "nothing on this host makes virtual functions, so Nova finds none to give"
                        " to instances",
                        "set virtualfunctions of the role infinibandhost; without the cluster,"
                        " num_vfs of mlx4_core, or sriov_numvfs by a rule of udev for mlx5",
                        severity=Severity.WARNING,
                    )


def _read(setting: Setting) -> Iterator[dict[str, Any]]:
    try:
        found = json.loads(setting.value)
    except (ValueError, RecursionError):
        return
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            yield each


def _made(host: HostConfiguration, spec: dict[str, Any]) -> bool:
    made, _ = module_option(host, "mlx4_core", "num_vfs")
    if made.strip("0,;"):
        return True
    interface = spec.get("devname")
    for file in host.files.values():
        if file.path.startswith(_RULES):
            for _, line in file.lines():
                number, named = _MADE.search(line), _NAMED.findall(line)
                if number and int(number[1]) and (not named or not interface or interface in named):
                    return True
        elif file.path.startswith(_MAKERS) and _has_other_way(file):
            return True
    return False


def _has_other_way(file: LintFile) -> bool:
    return any(word in line for _, line in file.lines() for word in _OTHER_WAYS)


def probed(cloud: Cloud) -> Iterator[Finding]:
    """Yield rules of udev whose virtual functions go to the host's own driver."""
    for host in cloud.hosts:
        served = {each.interface for each in mappings(host, *FABRIC_MAPPINGS)}
        lines = [
            (place, line)
            for path, file in host.files.items()
            if path.startswith(_RULES)
            for place, line in file.lines()
        ]
        kept = {name for _, line in lines if _PROBED.search(line) for name in _NAMED.findall(line)}
        for place, line in lines:
            number = _MADE.search(line)
            for name in _NAMED.findall(line) if number and int(number[1]) else ():
                if name in served - kept:
                    yield _held(place, name, line)


def _held(place: Place, interface: str, line: str) -> Finding:
    return Finding(
        "virtual-functions-probed",
        place,
        f"{interface} sriov_numvfs",
        line,
        "the host's own driver takes each of them, before a guest does and with a GUID of nobody's",
        'write ATTR{device/sriov_drivers_autoprobe}="0" in a rule before',
        severity=Severity.WARNING,
    )


def mapped_twice(cloud: Cloud) -> Iterator[Finding]:
    """Yield interfaces that one option gives to two fabrics."""
    for host in cloud.hosts:
        first: dict[tuple[str, int | None, str], Mapping] = {}
        for each in mappings(host, *FABRIC_MAPPINGS):
            at = (each.setting.place.file, each.setting.place.line, each.interface)
            other = first.setdefault(at, each)
            if other.network != each.network:
                yield Finding(
                    "interface-mapped-twice",
                    each.setting.place,
                    each.setting.name,
                    f"{each.network}:{each.interface}",
                    "an interface is on one fabric; ibstack-eswitchd refuses the file",
                    "name the interface of each fabric",
                    other.setting.place,
                    f"{other.network}:{other.interface}",
                )

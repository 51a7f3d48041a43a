# SPDX-License-Identifier: Apache-2.0
"""Virtual functions: whether something makes them, who holds them, and who gives them GUIDs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.lint.checks.neutron_names import FABRIC_MAPPINGS, fabrics, mappings
from ibstack.cluster.lint.finding import Finding, Place, Severity
from ibstack.formats import mlx4_options
from ibstack.formats.adapter_match import AdapterFacts, fits
from ibstack.formats.modprobe_options import options_of
from ibstack.formats.udev_rules import all_rules
from ibstack.formats.vf_requests import vf_requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.checks.neutron_names import Mapping
    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, Setting
    from ibstack.formats.udev_rules import Rule


def guids_by_the_subnet_manager(cloud: Cloud) -> Iterator[Finding]:
    """Yield hosts with VFs of mlx4 whose GUIDs the subnet manager gives."""
    for host in cloud.hosts:
        made, core = module_option(host, "mlx4_core", "num_vfs")
        given, place = module_option(host, "mlx4_ib", "sm_guid_assign")
        if makes_vfs(made) and not _is_zero(given):
            yield Finding(
                "guids-by-the-subnet-manager",
                place if given else core,
                "mlx4_ib sm_guid_assign",
                given or "(not set, which is 1 in older drivers)",
                "the subnet manager replaces the GUIDs of VFs, and Neutron's ports are admitted by"
                " those that the host gave them",
                "write `options mlx4_ib sm_guid_assign=0`",
                core,
                f"num_vfs={made}",
            )


def makes_vfs(num_vfs: str) -> bool:
    """Tell whether a value of num_vfs makes any; one that is not understood may."""
    numbers = mlx4_options.parse(num_vfs)
    if numbers is None:
        return bool(num_vfs)
    return any(numbers.common or ()) or any(map(any, numbers.addressed.values()))


def module_option(host: HostConfiguration, module: str, key: str) -> tuple[str, Place]:
    """Return a module's option, as modprobe gives it, and where; empty for none."""
    option = options_of(texts(host), module).get(key)
    if option is None or not option.value:
        return "", Place("")
    return option.value, host.files[option.file].at_line(option.line)


def texts(host: HostConfiguration) -> dict[str, str]:
    """Return the files' texts by path, as the readers of `formats` take them."""
    return {path: file.content.decode(errors="replace") for path, file in host.files.items()}


def _is_zero(value: str) -> bool:
    try:
        return int(value, 0) == 0
    except ValueError:
        return False


_SPECS: Final = (("pci", "device_spec"), ("pci", "passthrough_whitelist"))
_MAKERS: Final = (
    *("/etc/udev/rules.d/", "/etc/modprobe.d/", "/etc/systemd/", "/etc/network/"),
    "/etc/rc.local",
)
"""Where sites have what makes virtual functions; a host without any such file is not judged."""
_MAKES: Final = "device/sriov_numvfs"
_PROBES: Final = "device/sriov_drivers_autoprobe"
_NAMES: Final = {("NAME", ""), ("KERNEL", ""), ("INTERFACE", ""), ("ENV", "INTERFACE")}
_DRIVERS: Final = frozenset({"mlx4_core", "mlx5_core"})


def not_made(cloud: Cloud) -> Iterator[Finding]:
    """Yield device specifications of InfiniBand for which a host makes no virtual functions."""
    known = fabrics(cloud)
    for host in cloud.hosts:
        if not host.generated and not any(path.startswith(_MAKERS) for path in host.files):
            continue
        for setting in host.of_key(*_SPECS):
            for spec in _read(setting):
                if spec.get("physical_network") in known and not _made(host, spec):
                    yield setting.finding(
                        "virtual-functions-missing",
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
    """Tell whether anything may make VFs of the adapter that *spec* means."""
    made, _ = module_option(host, "mlx4_core", "num_vfs")
    if makes_vfs(made):
        return True
    interface = spec.get("devname")
    adapter = AdapterFacts(
        drivers=_DRIVERS,
        interfaces=frozenset({str(interface)}) if interface else frozenset(),
        has_no_other=bool(interface),
    )
    return any(
        request.count != 0 and fits(request.when, adapter) is not False
        for request in vf_requests(texts(host))
    )


def probed(cloud: Cloud) -> Iterator[Finding]:
    """Yield rules of udev whose virtual functions go to the host's own driver."""
    for host in cloud.hosts:
        served = {each.interface for each in mappings(host, *FABRIC_MAPPINGS)}
        rules = [rule for of_file in all_rules(texts(host)) for rule in of_file]
        kept = {name for rule in rules if _writes(rule, _PROBES) == "0" for name in _named(rule)}
        for rule in rules:
            number = _writes(rule, _MAKES) or ""
            if number.isdecimal() and int(number):
                file = host.files[rule.file]
                place = file.at_line(rule.line)
                line = next((text for at, text in file.lines() if at == place), "")
                for name in sorted(_named(rule) & served - kept):
                    yield _probed_by_host(place, name, line)


def _writes(rule: Rule, attribute: str) -> str | None:
    """Return what a rule writes to an attribute; None: nothing."""
    written = [
        token.value
        for token in rule.tokens
        if (token.key, token.attribute) == ("ATTR", attribute) and not token.compares
    ]
    return written[-1] if written else None


def _named(rule: Rule) -> set[str]:
    """Return the interfaces that a rule names."""
    return {
        name
        for token in rule.conditions
        if token.operator == "==" and (token.key, token.attribute) in _NAMES
        for name in token.value.split("|")
    }


def _probed_by_host(place: Place, interface: str, line: str) -> Finding:
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
                yield each.setting.finding(
                    "interface-mapped-twice",
                    "an interface is on one fabric; ibstack-eswitchd refuses the file",
                    "name the interface of each fabric",
                    value=f"{each.network}:{each.interface}",
                    other=other.setting,
                    other_value=f"{other.network}:{other.interface}",
                )

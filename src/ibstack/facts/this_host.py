# SPDX-License-Identifier: Apache-2.0
"""Reads this machine: the files and the commands that the checks of a host want.

Nothing is changed: each command only shows.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.facts import evidence, neutron_files
from ibstack.facts.evidence import NO_SUCH_FILE, Evidence, Missing
from ibstack.facts.fabric.groups import sa_dump_name
from ibstack.facts.fabric.sa_dump import only_groups, too_old
from ibstack.facts.host import services, vf_files
from ibstack.facts.host.interfaces import ethtool_name, mappings
from ibstack.facts.host.pci_devices import numvfs_name
from ibstack.facts.opensm_files import (
    config_names,
    has_subnet_manager,
    partitions_name,
    partitions_names,
)
from ibstack.formats import modprobe_options
from ibstack.formats.host_paths import folders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILES: Final = (
    evidence.CMDLINE,
    evidence.AGENT_CONF,
    evidence.ESWITCHD_CONF,
    evidence.FABRICD_CONF,
    evidence.OPENSM_CONF,
    evidence.OPENSM_CONF_RHEL,
    evidence.PARTITIONS_CONF,
    evidence.PARTITIONS_CONF_RHEL,
    evidence.OS_RELEASE,
    evidence.NEUTRON_CONF,
    evidence.ML2_CONF,
    evidence.DHCP_AGENT_INI,
    *neutron_files.ELSEWHERE,
)
FOLDERS: Final = {
    **{folder.lstrip("/"): "*.conf" for folder in folders(modprobe_options.BELOW)},
    "etc/udev/rules.d": "*.rules",
    "run/udev/rules.d": "*.rules",
}
COMMANDS: Final = {
    evidence.LSPCI: ("lspci", "-D"),
    evidence.LSCPU: ("lscpu",),
    evidence.DMESG: ("dmesg",),
    evidence.IBSTAT: ("ibstat",),
    evidence.TIMEDATECTL: ("timedatectl", "show"),
    evidence.HOST_SHOW: ("ibstack", "host", "show", "-f", "json"),
    # With no file it tells syslog nothing of that file's options.
    evidence.OPENSM_HELP: ("opensm", "--help", "-F", "/dev/null"),
    evidence.OPENSM_ARGS: ("ps", "-C", "opensm", "-o", "args="),
    evidence.UNIT_FILES: ("systemctl", "list-unit-files", "--no-legend", "--no-pager"),
    evidence.SAQUERY: ("saquery", "-g"),
    evidence.SYSTEMCTL: (
        *("systemctl", "show", "-p", "Id", "-p", "LoadState", "-p", "ActiveState"),
        *("-p", "UnitFileState", *services.NAMES),
    ),
}
_MELLANOX: Final = "0x15b3\n"
_SWEEP_S: Final = 3.0
"""How long OpenSM sweeps for a new partitions file, on a fabric of some thousand hosts."""
_LIMIT_S: Final = 20.0
_PACKAGES: Final = ("ibstack", "neutron")


def read_host(
    root: Path = Path("/"),
    name: str | None = None,
    *,
    places: Mapping[str, Path] | None = None,
    commands: Mapping[str, Sequence[str]] = COMMANDS,
) -> Evidence:
    """Return what this machine shows.

    *root*: below which its files are; *places*: files that lie elsewhere, by their usual names.
    """
    texts: dict[str, str | Missing] = {}
    elsewhere = dict(places or {})
    for file in FILES:
        texts[file] = _file(elsewhere.get(file, root / file))
    whole = {folder for folder in FOLDERS if (root / folder).is_dir()}
    for folder in whole:
        for path in sorted((root / folder).glob(FOLDERS[folder])):
            texts[f"{folder}/{path.name}"] = _file(path)
    texts |= {n: text for n, text in vf_files.asking(root).items() if n not in texts}
    texts |= _sysfs(root)
    host = Evidence(name or socket.gethostname().partition(".")[0], texts, frozenset(whole))
    texts |= _outputs({**_commands_for(host), **commands} if commands else {})
    texts[evidence.PIP_FREEZE] = _packages()
    # What a file that lies elsewhere is named by is its own path, and not one below the root.
    elsewhere |= {str(path).lstrip("/"): path for path in elsewhere.values()}
    for find in (config_names, partitions_names):
        for file in find(host):
            texts.setdefault(file, _file(elsewhere.get(file, root / file)))
    if has_subnet_manager(host):
        dump, asked = (
            elsewhere.get(name, root / name) for name in (sa_dump_name(host), partitions_name(host))
        )
        texts[sa_dump_name(host)] = _groups(dump, asked)
    return host


def _groups(dump: Path, partitions: Path) -> str | Missing:
    """Return the groups of OpenSM's dump, without who has joined them.

    OpenSM writes it at the end of a sweep: just after the partitions file was, it may be older.
    """
    try:
        written_at, asked_at = dump.stat().st_mtime, partitions.stat().st_mtime
    except OSError:
        text = _file(dump)
    else:
        if why := too_old(written_at):
            return Missing(f"{dump} {why}")
        if written_at < asked_at and time.time() - asked_at < _SWEEP_S:
            return Missing(f"{partitions} was written a moment ago; look again")
        text = _file(dump)
    return only_groups(text) if isinstance(text, str) else text


def _file(path: Path) -> str | Missing:
    try:
        # Not as text, which would lose the carriage returns that OpenSM refuses.
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return NO_SUCH_FILE
    except OSError as error:
        return Missing(f"{path}: {error.strerror}")


def _sysfs(root: Path) -> dict[str, str | Missing]:
    """Return which IOMMUs are in use, and how many VFs each adapter has made."""
    if not (root / "sys/class").is_dir():
        return {}
    iommus = root / evidence.IOMMUS
    # A kernel that knows no IOMMU has no such folder.
    names = sorted(each.name for each in iommus.iterdir()) if iommus.is_dir() else []
    found: dict[str, str | Missing] = {evidence.IOMMUS: "".join(f"{name}\n" for name in names)}
    for file in sorted((root / evidence.PCI_DEVICES).glob("*/sriov_numvfs")):
        if _file(file.with_name("vendor")) == _MELLANOX:
            found[numvfs_name(file.parent.name)] = _file(file)
    return found


def _commands_for(host: Evidence) -> dict[str, Sequence[str]]:
    """Return the commands that depend on what the host has."""
    names = {each.interface for each in mappings(host)} | set(_interfaces())
    found: dict[str, Sequence[str]] = {ethtool_name(n): ("ethtool", "-i", n) for n in names}
    # ConnectX-3 has what flint shows, later ones what mstconfig does; Debian's mstflint has both.
    for device in _devices():
        found[f"commands/mstconfig_-d_{device}_query"] = ("mstconfig", "-d", device, "query")
        found[f"commands/mstflint_-d_{device}_dc"] = ("mstflint", "-d", device, "dc")
    return found


def _interfaces(folder: Path = Path("/sys/class/net")) -> list[str]:
    """Return the network interfaces of devices that are no VF."""
    return [
        each.name
        for each in sorted(folder.glob("*"))
        if (each / "device").exists() and not (each / "device/physfn").exists()
    ]


def _devices(devices: Path = Path("/sys/class/infiniband")) -> list[str]:
    """Return the PCI address of each adapter that is no VF."""
    found: dict[str, None] = {}
    for each in sorted(devices.glob("*")):
        function = (each / "device").resolve()
        if not (function / "physfn").exists():
            found[function.name] = None
    return list(found)


def _outputs(commands: Mapping[str, Sequence[str]]) -> dict[str, str | Missing]:
    with ThreadPoolExecutor() as pool:
        return dict(zip(commands, pool.map(_run, commands.values()), strict=True))


def _run(argv: Sequence[str]) -> str | Missing:
    """Return what a command prints; of one that fails its complaint, where that is an answer."""
    try:
        done = subprocess.run(
            argv,
            # ps cuts its lines to COLUMNS.
            env={**os.environ, "LC_ALL": "C", "COLUMNS": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Missing(f"{argv[0]} did not end within {_LIMIT_S:g} s")
    except OSError as error:
        return Missing(f"{argv[0]} cannot be run: {error.strerror}")
    if not done.returncode or done.stdout.strip():
        return done.stdout
    complaint = done.stderr.strip()
    # These speak for the host when they fail: no such interface, no answer from eswitchd.
    if argv[0] in {"ethtool", "ibstack"} and complaint:
        return complaint + "\n"
    said = complaint.splitlines()[-1:] or [f"exit code {done.returncode}"]
    return Missing(f"{argv[0]}: {said[0]}")


def _packages() -> str:
    """Return the lines of `pip freeze` that matter here."""
    lines = []
    for package in _PACKAGES:
        try:
            lines.append(f"{package}=={metadata.version(package)}\n")
        except metadata.PackageNotFoundError:
            continue
    return "".join(lines)

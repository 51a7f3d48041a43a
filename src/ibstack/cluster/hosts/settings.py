# SPDX-License-Identifier: Apache-2.0
"""Where a cluster's state is kept, and how its hosts are reached: /etc/ibstack/cluster.conf."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.naming import meant
from ibstack.cluster.ssh_settings import KEYS, SshSettings
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATH: Final = Path("/etc/ibstack/cluster.conf")
VARIABLE: Final = "IBSTACK_CLUSTER_CONFIG"

KEPT: Final = PurePosixPath("/var/spool/ibstack/kept")
"""Where, on a host, files are kept that were edited by hand, by their path and the time."""
_SSH: Final = "ssh"
_NO_SECTION: Final = "no such section"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says, with the defaults for what it leaves open."""

    store: str = "sqlite:////var/lib/ibstack/cluster.db"
    """URL of the database."""
    tree: Path | None = None
    """The folder whose folders are the hosts; None: hosts are not reached."""
    ssh: SshSettings | None = None
    """How hosts are reached by ssh; None: they are not."""
    kept: PurePosixPath = KEPT
    images: Path = Path("/")
    """What paths of software images are below of: `/cm/images/X` is in IMAGES/cm/images/X."""
    genders: Path | None = None
    """Where /etc/genders of the head node is written besides, on this machine; None: nowhere."""
    clustershell: Path | None = None
    """The same of ClusterShell's groups."""


def settings_path(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file that counts: the one that is *given*, the environment's, or the usual one."""
    named = environment.get(VARIABLE)
    return given or (Path(named) if named else PATH)


def read_settings(path: Path) -> Settings:
    """Read the file; BadInput with every fault of it.  The usual one may be missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if path == PATH:
            return Settings()
        raise BadInput(f"cannot read {path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise BadInput(f"cannot read {path}: {why}") from error
    return parse_settings(text, str(path))


def parse_settings(text: str, where: str) -> Settings:
    """Return what *text* says; BadInput with every fault, each with the key it is about."""
    parser = configparser.RawConfigParser(default_section=_NO_SECTION)
    try:
        parser.read_string(text, where)
    except configparser.Error as error:
        why = " ".join(str(error).split())
        raise BadInput(f"cannot read {where}: it is no ini file: {why}") from error
    faults: list[str] = []
    found: dict[str, object] = {}
    for section in parser.sections():
        if section not in _KEYS:
            faults.append(f"[{section}]: there is no such section{meant(section, _KEYS)}")
            continue
        for key, value in parser.items(section):
            _read(section, key, value.strip(), found, faults)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise BadInput(f"cannot use the settings in {where}:\n{listed}")
    ssh = {name: found.pop(name) for name, _ in KEYS.values() if name in found}
    reach = found.pop("reach", None)
    if reach == _SSH:
        found["ssh"] = SshSettings(**ssh)  # type: ignore[arg-type]
    elif isinstance(reach, Path):
        found["tree"] = reach
    return Settings(**found)  # type: ignore[arg-type]


def _read(section: str, key: str, value: str, found: dict[str, object], faults: list[str]) -> None:
    known = _KEYS[section]
    if key not in known:
        faults.append(f"[{section}] {key}: there is no such key{meant(key, known)}")
        return
    name, read = known[key]
    try:
        found[name] = read(value)
    except ValueError as error:
        faults.append(f"[{section}] {key} = {value}: {error}")


def _url(text: str) -> str:
    if "://" not in text:
        raise ValueError("expected a URL, as sqlite:////var/lib/ibstack/cluster.db")
    return text


def _absolute(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("expected an absolute path")
    return Path(text)


def _of_a_host(text: str) -> PurePosixPath:
    return PurePosixPath(_absolute(text))


def _reach(text: str) -> str | Path:
    way, _, folder = text.partition(":")
    if text in ("none", _SSH):
        return text
    if way != "tree":
        raise ValueError("expected none, ssh, or tree:DIR")
    return _absolute(folder)


_KEYS: Final[dict[str, dict[str, tuple[str, Callable[[str], object]]]]] = {
    "store": {"url": ("store", _url)},
    "hosts": {
        "reach": ("reach", _reach),
        "images": ("images", _absolute),
        "kept": ("kept", _of_a_host),
    },
    "ssh": KEYS,
    "groups": {
        "genders": ("genders", _absolute),
        "clustershell": ("clustershell", _absolute),
    },
}

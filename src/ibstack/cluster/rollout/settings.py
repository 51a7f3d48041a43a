# SPDX-License-Identifier: Apache-2.0
"""Where a cluster's state is kept, and how its hosts are reached: /etc/ibstack/cluster.conf."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.naming import meant
from ibstack.fabric.errors import BadInput
from ibstack.formats.ini import NotIni, lenient_sections
from ibstack.formats.settings import Option, absolute_path, values_by_field
from ibstack.transport.backups import KEPT
from ibstack.transport.ssh_settings import KEYS, SshSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH: Final = Path("/etc/ibstack/cluster.conf")
VARIABLE: Final = "IBSTACK_CLUSTER_CONFIG"

_SSH: Final = "ssh"


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
    try:
        sections = lenient_sections(text, where, once=True)
    except NotIni as error:
        why = "; ".join(f"line {line}: {what}" for line, what in error.faults)
        raise BadInput(f"cannot read {where}: it is no ini file: {why}") from error
    faults: list[str] = []
    found = values_by_field(sections, _SCHEMA, faults, alternatives=meant)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise BadInput(f"cannot use the settings in {where}:\n{listed}")
    ssh = {each.field: found.pop(each.field) for each in KEYS.values() if each.field in found}
    reach = found.pop("reach", None)
    if reach == _SSH:
        found["ssh"] = SshSettings(**ssh)  # type: ignore[arg-type]
    elif isinstance(reach, Path):
        found["tree"] = reach
    return Settings(**found)  # type: ignore[arg-type]


def _url(text: str) -> str:
    if "://" not in text:
        raise ValueError("expected a URL, as sqlite:////var/lib/ibstack/cluster.db")
    return text


def _of_a_host(text: str) -> PurePosixPath:
    return PurePosixPath(absolute_path(text))


def _reach(text: str) -> str | Path:
    way, _, folder = text.partition(":")
    if text in ("none", _SSH):
        return text
    if way != "tree":
        raise ValueError("expected none, ssh, or tree:DIR")
    return absolute_path(folder)


_SCHEMA: Final = {
    "store": {"url": Option("store", _url)},
    "hosts": {
        "reach": Option("reach", _reach),
        "images": Option("images", absolute_path),
        "kept": Option("kept", _of_a_host),
    },
    "ssh": KEYS,
    "groups": {
        "genders": Option("genders", absolute_path),
        "clustershell": Option("clustershell", absolute_path),
    },
}

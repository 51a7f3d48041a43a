# SPDX-License-Identifier: Apache-2.0
"""The settings of ibstack-eswitchd on this host, out of its configuration."""

from __future__ import annotations

import grp
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.formats import eswitchd_conf
from ibstack.host.client.eswitch_client import DEFAULT_SOCKET

if TYPE_CHECKING:
    from ibstack.formats.eswitchd_conf import Mapping

_DEFAULT_STATE: Final = "/var/lib/ibstack/eswitchd"


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
    written = eswitchd_conf.read(_text(where), where)
    faults, own = list(written.faults), dict(written.own)
    group = _group(str(own.pop("group", "")), faults)
    if faults:
        raise BadInput("\n".join([f"cannot use the configuration {where}:", *_indented(faults)]))
    return Settings(written.mappings, group=group, **own)  # type: ignore[arg-type]


def _text(where: str) -> str:
    try:
        with open(where, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"cannot read the configuration {where}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot read the configuration {where}: {error}") from error


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

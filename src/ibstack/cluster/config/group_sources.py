# SPDX-License-Identifier: Apache-2.0
"""ClusterShell's group sources beside ours: two of one name, and no group of the machine resolves.

Which files count, and what ends the look-up of every group, is ClusterShell 1.10.1's NodeUtils.py
(GroupResolverConfig, YAMLGroupLoader); nodeset is the judge in tests/real/test_group_sources.py.
"""

from __future__ import annotations

import os
import shlex
from configparser import ConfigParser
from configparser import Error as NotIni
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.config.generated import Fitted, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePosixPath

_MAIN: Final = "Main"
_EMPTY: Final = "{}\n"
"""A file of sources without one: a file without anything ends the look-up of every group."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What one file says."""

    names: tuple[str, ...] = ()
    fault: str = ""
    """Why ClusterShell does not read it, and then no group at all; empty: it does."""


def read_sources(path: PurePosixPath, content: bytes) -> Sources:
    """Return the group sources of a YAML file or of one of ClusterShell's ini files."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Sources(fault="it is not text in UTF-8")
    return _of_yaml(text) if path.suffix == ".yaml" else _of_ini(text)


def sources_that_count(
    files: Mapping[PurePosixPath, bytes],
) -> Iterator[tuple[PurePosixPath, Sources]]:
    """Yield what each file says that ClusterShell reads; groups.conf tells which those are."""
    for path, content in files.items():
        if _counts(path, files):
            yield path, read_sources(path, content)


@dataclass(frozen=True)
class BesideSources:
    """Fits our group sources to those that others have.  Implements Fit."""

    def beside(self, path: PurePosixPath) -> tuple[PurePosixPath, ...]:
        folder = path.parent.parent
        return (folder / "groups.conf", folder / "groups.conf.d/*.conf", path.parent / "*.yaml")

    def fitted(self, text: str, around: bytes, others: Mapping[PurePosixPath, bytes]) -> Fitted:
        """Leave out the sources whose names another file has."""
        blocks = dict(_blocks(text))
        remarks = []
        for path, found in sources_that_count(others):
            if found.fault:
                why = f"{path} lets ClusterShell find no group at all: {found.fault}; mend it"
                remarks.append(Remark("all groups", "readable", why))
            for name in found.names:
                if blocks.pop(name, None) is not None:
                    why = f"{path} has one too, and of two ClusterShell takes none; rename it there"
                    remarks.append(Remark(f"group source {name}", "as generated", why))
        return Fitted("".join(blocks.values()) or _EMPTY, tuple(remarks))


def _counts(path: PurePosixPath, others: Mapping[PurePosixPath, bytes]) -> bool:
    """Tell whether groups.conf names the folder of the file."""
    if path.name == "groups.conf":
        return True
    option = "autodir" if path.suffix == ".yaml" else "confdir"
    for place, content in others.items():
        if place.name == "groups.conf":
            folders = _folders(content.decode(errors="replace"), option, place.parent)
            return folders is None or str(path.parent) in folders
    return True


def _folders(text: str, option: str, folder: PurePosixPath) -> set[str] | None:
    """Return the folders that an option of groups.conf names; None: it cannot be told.

    Where the file does not have the option, that of another file counts, as of one's own.
    """
    try:
        main = _ini(text)[_MAIN]
        if option == "confdir" and "groupsdir" in main:
            option = "groupsdir"
        words = shlex.split(main[option])
    except (NotIni, KeyError, ValueError):
        return None
    known = [Template(word).safe_substitute(CFGDIR=str(folder)) for word in words]
    return {os.path.normpath(each) for each in known}


def _of_yaml(text: str) -> Sources:
    import yaml  # Only a commit that writes groups waits for it.

    try:
        found: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        return Sources(fault=f"it is not YAML: {' '.join(str(error).split())}")
    if not isinstance(found, dict):
        return Sources(fault="it holds no group sources")
    for name, groups in found.items():
        if not isinstance(name, str):
            return Sources(fault=f"the name of group source {name} needs quotes")
        if not isinstance(groups, dict):
            return Sources(fault=f"group source {name} holds no groups")
        for group in groups:
            if not isinstance(group, str):
                return Sources(fault=f"the name of group {group} of {name} needs quotes")
    return Sources(tuple(found))


def _of_ini(text: str) -> Sources:
    try:
        sections = _ini(text)
    except NotIni as error:
        return Sources(fault=f"it cannot be read: {' '.join(str(error).split())}")
    names: list[str] = []
    for section in sections.sections():
        found = [name for name in section.split(",") if name != _MAIN]
        if found and not {"map", "mapall"} & sections[section].keys():
            return Sources(fault=f"section {section} has no map")
        names += found
    return Sources(tuple(names))


def _ini(text: str) -> ConfigParser:
    sections = ConfigParser(interpolation=None)
    sections.read_string(text)
    return sections


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield each source of a file that we wrote, with its lines."""
    name, lines = "", ""
    for line in text.splitlines(keepends=True):
        if not line.startswith(" "):
            if name:
                yield name, lines
            name, lines = line.partition(":")[0], ""
        lines += line
    if name:
        yield name, lines

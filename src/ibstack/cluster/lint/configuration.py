# SPDX-License-Identifier: Apache-2.0
"""The configuration of a cloud as checks see it: hosts, their files, and settings with lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render import ini_paths
from ibstack.cluster.lint import known_files
from ibstack.cluster.lint.finding import Finding, Place, Severity
from ibstack.formats.ini import IniText, NotIni, lenient_located

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.cluster.model.state import View

INI_PATHS: Final = frozenset(str(path) for path in ini_paths())


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of a key in a file."""

    place: Place
    section: str
    """Empty in files that have none."""
    key: str
    value: str
    """As its reader takes it."""
    written: str
    """As it stands in the file."""

    @property
    def name(self) -> str:
        return f"[{self.section}]{self.key}" if self.section else self.key

    @property
    def at(self) -> tuple[str, str]:
        return self.section, self.key

    def finding(
        self,
        id_: str,
        breaks: str,
        remedy: str,
        *,
        value: str | None = None,
        other: Setting | None = None,
        other_value: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        """Return what is wrong with it: the whole of its value, or *value*; the same of *other*."""
        there = None if other is None else other.place
        theirs = "" if other is None else other.value
        return Finding(
            *(id_, self.place, self.name, self.value if value is None else value, breaks, remedy),
            *(there, theirs if other_value is None else other_value, severity),
        )


@dataclass(frozen=True, slots=True)
class LintFile:
    """One file of a host."""

    place: Place
    content: bytes

    @property
    def path(self) -> str:
        return self.place.file

    @property
    def is_ini(self) -> bool:
        return self.path in INI_PATHS or known_files.is_ini(self.path)

    def lines(self) -> Iterator[tuple[Place, str]]:
        """Yield each line that is no comment, without outer blanks, and where it is."""
        text = self.content.decode(errors="replace")
        for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
            if line.strip() and not line.strip().startswith("#"):
                yield self.at_line(number), line.strip()

    def at_line(self, number: int) -> Place:
        return Place(self.path, self.place.host, number, self.place.generated)

    def settings(self) -> tuple[Setting, ...]:
        """Return the settings of an ini file, in their order; NotIni for one that is none."""
        if known_files.readers(self.path) == {known_files.Reader.ESWITCHD}:
            text = self.content.decode("utf-8", "surrogateescape")
            found = lenient_located(text, str(self.place))
        else:
            found = IniText(self.content, str(self.place)).located()
        return tuple(
            Setting(self.at_line(each.line), each.section, each.key, each.value, each.written)
            for each in found
        )


@dataclass(frozen=True)
class HostConfiguration:
    """What is known of one host."""

    name: str
    files: Mapping[str, LintFile]
    """By path: as read on the host, or else as the cluster would write it."""
    interfaces: frozenset[str] | None = None
    """Names of its network interfaces; None: not known."""
    generated: Mapping[str, LintFile] = field(default_factory=dict)
    """What the cluster would write, also where `files` has the host's own."""
    collected: bool = False
    """Somebody read it on the host, whatever was found there."""

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting of every ini file that is one."""
        found: list[Setting] = []
        for file in self.files.values():
            if file.is_ini:
                try:
                    found += file.settings()
                except NotIni:
                    continue  # A check of its own tells of it.
        return tuple(found)

    def of_key(self, *keys: tuple[str, str]) -> Iterator[Setting]:
        """Yield the settings of these sections and keys."""
        return (each for each in self.settings if each.at in keys)


@dataclass(frozen=True)
class Cloud:
    """All hosts, and the cluster's objects where there is a cluster."""

    hosts: tuple[HostConfiguration, ...]
    view: View | None = None

    def of_key(self, *keys: tuple[str, str]) -> Iterator[Setting]:
        """Yield the settings of these sections and keys, of all hosts."""
        return (each for host in self.hosts for each in host.of_key(*keys))

    def files_at(self, path: str) -> Iterator[LintFile]:
        """Yield the file at *path* of each host that has one."""
        return (host.files[path] for host in self.hosts if path in host.files)

# SPDX-License-Identifier: Apache-2.0
"""Which files the OpenSMs of a host read, as far as its files tell.

A configuration tells at a usual place, at one of RHEL's numbered ones (its opensm-launch starts an
OpenSM for each), or where a unit of systemd starts OpenSM with -F.  /etc/default/opensm of Debian
and /etc/sysconfig/opensm of RHEL choose ports and priorities, and no file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.opensm import built_in, command_line
from ibstack.formats.opensm.command_line import CommandLine
from ibstack.formats.opensm.configuration import Configuration
from ibstack.formats.opensm.in_force import Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ibstack.cluster.lint.configuration import LintFile

_UNIT: Final = re.compile(r"/etc/systemd/system/opensmd?(?:@[^/]*)?\.service(?:\.d/[^/]+\.conf)?")
_STARTS: Final = re.compile(r"ExecStart\s*=\s*[-@:+!|]*(.*)")
_NUMBERED: Final = re.compile(re.escape(built_in.ETC_RDMA.config) + r"\.[0-9]+")
_OS_RELEASE: Final = "/etc/os-release"


@dataclass(frozen=True, slots=True)
class ConfiguredOpenSm:
    """One OpenSM as a host's files would have it started."""

    options: Options
    file: LintFile | None
    """Its configuration, or the unit that starts it; None: neither is there."""


def configured_opensms(files: Mapping[str, LintFile]) -> Iterator[ConfiguredOpenSm]:
    """Yield each that the files tell of, in their order."""
    lines = [(unit, line) for unit in files.values() for line in _command_lines(unit)]
    for unit, line in lines:
        named = line.last(command_line.CONFIG)
        configs = (_usual_configs(files) or [""]) if named is None else [named]
        for config in configs:
            yield ConfiguredOpenSm(Options(line, _read(files.get(config))), files.get(config, unit))
    if not lines:
        for config in _usual_configs(files):
            yield ConfiguredOpenSm(Options(CommandLine(), _read(files[config])), files[config])


def named_partitions(files: Mapping[str, LintFile]) -> dict[str, LintFile | None]:
    """Return the paths of partitions files that an OpenSM is told, each with what tells it."""
    return {
        path: each.file for each in configured_opensms(files) if (path := each.options.partitions())
    }


def usual_partitions(files: Mapping[str, LintFile]) -> list[str]:
    """Return the paths that are read by an OpenSM that is told of none: which, its build knows."""
    opensms = list(configured_opensms(files))
    if opensms and all(each.options.partitions() is not None for each in opensms):
        return []
    return [build.partitions for build in _builds(files)]


def _builds(files: Mapping[str, LintFile]) -> Iterable[built_in.BuiltIn]:
    system = files.get(_OS_RELEASE)
    of_debian = system is not None and built_in.is_of_debian(
        system.content.decode(errors="replace")
    )
    return (built_in.ETC_OPENSM,) if of_debian else built_in.USUAL


def _usual_configs(files: Mapping[str, LintFile]) -> list[str]:
    usual = [build.config for build in _builds(files) if build.config in files]
    return usual + [path for path in files if _NUMBERED.fullmatch(path)]


def _read(file: LintFile | None) -> Configuration:
    return Configuration() if file is None else Configuration.read(file.content)


def _command_lines(unit: LintFile) -> Iterator[CommandLine]:
    if _UNIT.fullmatch(unit.path):
        for _, line in unit.lines():
            found = _STARTS.fullmatch(line)
            words = _words(found[1]) if found else []
            if words and words[0].rpartition("/")[2] == "opensm":
                yield command_line.read(words)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()

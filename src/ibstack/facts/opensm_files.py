# SPDX-License-Identifier: Apache-2.0
"""Where a host's subnet managers have their files: by name, as in `etc/opensm/partitions.conf`.

Sources: opensm(8), -F and -P; its partition_config_file; [fabric] partitions_conf of fabricd.conf;
what the build looks for when it is told nothing (ibstack.formats.opensm.built_in).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import (
    FABRICD_CONF,
    OPENSM_ARGS,
    OPENSM_CONF,
    OPENSM_CONF_RHEL,
    OPENSM_HELP,
    OS_RELEASE,
    PARTITIONS_CONF,
    SYSTEMCTL,
    Missing,
    last,
    shown,
)
from ibstack.facts.host.services import units
from ibstack.formats.opensm import built_in, command_line
from ibstack.formats.opensm.command_line import CommandLine
from ibstack.formats.opensm.configuration import Configuration
from ibstack.formats.opensm.in_force import Options

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence
    from ibstack.formats.opensm.built_in import BuiltIn

_PROGRAMS: Final = {"opensm", "opensmd"}
_NUMBERED: Final = f"{OPENSM_CONF_RHEL}.[0-9]*"
"""RHEL's opensm-launch starts an OpenSM for each, with -F."""
_HEADERS: Final = {"ARGS", "CMD", "COMMAND"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file is, by name; or why there is none to be looked for."""

    name: str
    none: Missing | None = None


def each_opensm(host: Evidence) -> list[Evidence]:
    """Return what is known of a host once for each OpenSM on it, with that one's command line.

    Several that read the same and were told the same are one.
    """
    lines = _lines(host)
    if not lines:
        lines = [f"opensm -F /{name}" for name in host.matching(_NUMBERED)]
    if not lines:
        return [host]
    views = [replace(host, texts={**host.texts, OPENSM_ARGS: line}) for line in lines]
    return list({_what_differs(view): view for view in reversed(views)}.values())[::-1]


def options(host: Evidence) -> Options | Missing:
    """Return what OpenSM was told; without a configuration it runs with its defaults."""
    text = _text(host, _config(host))
    if isinstance(text, Missing) and not text.absent:
        return text
    return Options(
        _command_line(host), Configuration.read("" if isinstance(text, Missing) else text)
    )


def by_line_alone(host: Evidence) -> Options:
    """Return what OpenSM's command line says, whatever its configuration may say besides."""
    return Options(_command_line(host), Configuration())


def not_understood(host: Evidence) -> str | None:
    """Say what of OpenSM's command line is not understood; None: nothing."""
    words = _command_line(host).not_understood
    return f"{' '.join(words)} of its command line is not understood" if words else None


def config_name(host: Evidence) -> str:
    """Return the name of the configuration that OpenSM reads."""
    return _config(host).name


def partitions_name(host: Evidence) -> str:
    """Return the name of the partitions file: the one that OpenSM reads while it runs.

    Else what ibstack-fabricd writes is what it is to read.
    """
    return _partitions(host).name


def written_by_fabricd(host: Evidence) -> str | None:
    """Return the name of the partitions file that ibstack-fabricd writes; None: it has no file."""
    keys = host.ini(FABRICD_CONF)
    if isinstance(keys, Missing):
        return None
    return _name(last(keys, "fabric", "partitions_conf") or f"/{PARTITIONS_CONF}")


def read_by_opensm(host: Evidence) -> str | Missing:
    """Return the name of the partitions file that OpenSM reads."""
    said, place = options(host), _by_opensm(host)
    if isinstance(said, Missing) and _command_line(host).last(command_line.PARTITIONS) is None:
        return Missing(f"/{config_name(host)} may name it: {said.why}")
    return place.name if place.none is None or place.none.absent else place.none


def config_names(host: Evidence) -> list[str]:
    """Return the name of the configuration of each OpenSM."""
    return list(dict.fromkeys(map(config_name, each_opensm(host))))


def partitions_names(host: Evidence) -> list[str]:
    """Return the name of the partitions file of each OpenSM."""
    return list(dict.fromkeys(map(partitions_name, each_opensm(host))))


def partitions(host: Evidence) -> str | Missing:
    """Return the text of the partitions file.

    A file is not known to be missing where what names another could not be read.
    """
    text = _text(host, _partitions(host))
    if isinstance(text, str) or not text.absent:
        return text
    for place in (_Place(FABRICD_CONF), _config(host)):
        told = _text(host, place)
        if isinstance(told, str):
            break
        if not told.absent:
            return Missing(f"/{place.name} may name another file: {told.why}")
    return text


def has_subnet_manager(host: Evidence) -> bool:
    """Tell whether a host has the files of a subnet manager, or runs one."""
    if _lines(host) or host.has(OPENSM_CONF) or host.has(FABRICD_CONF):
        return True
    # RHEL's package brings this one to every host that has it, also for its tools alone.
    rhel = host.has(OPENSM_CONF_RHEL) or bool(host.matching(_NUMBERED))
    return rhel and _may_run(host)


def _may_run(host: Evidence) -> bool:
    text = host.text(SYSTEMCTL)
    if isinstance(text, Missing):
        return True
    ours = [unit for unit in units(text) if unit.name in _PROGRAMS and unit.loaded]
    return any(unit.active == "active" or unit.starts_by_itself for unit in ours)


def _lines(host: Evidence) -> list[str]:
    """Return the command line of each OpenSM that runs; of a zombie ps shows a name in brackets."""
    text = host.text(OPENSM_ARGS)
    lines = [] if isinstance(text, Missing) else map(str.strip, text.splitlines())
    return [line for line in lines if line and line not in _HEADERS and line[0] != "["]


def _command_line(host: Evidence) -> CommandLine:
    lines = _lines(host)
    return command_line.read_line(lines[0]) if lines else CommandLine()


def _what_differs(view: Evidence) -> tuple[object, ...]:
    said = options(view)
    if isinstance(said, Missing):
        said = by_line_alone(view)
    values = said.enforcement(), said.sm_key()
    return config_name(view), partitions_name(view), not_understood(view), values


def _text(host: Evidence, place: _Place) -> str | Missing:
    return host.text(place.name) if place.none is None else place.none


def _config(host: Evidence) -> _Place:
    told = _command_line(host).last(command_line.CONFIG)
    if told is not None:
        return _place(told)
    build = _build(host)
    if build is None:
        others = " or ".join(each.config for each in built_in.USUAL)
        return _Place(OPENSM_CONF, _may_be(others))
    return _place(build.config)


def _partitions(host: Evidence) -> _Place:
    written = written_by_fabricd(host)
    if written is None:
        return _by_opensm(host)
    # Of an OpenSM that runs it is known what it reads.
    read = _by_opensm(host) if _lines(host) else _Place(written)
    return read if read.none is None else _Place(written)


def _by_opensm(host: Evidence) -> _Place:
    said = options(host)
    if isinstance(said, Missing):
        said = by_line_alone(host)
    path, build = said.partitions(), _build(host)
    if path is not None:
        place = _place(path)
    elif build is not None:
        place = _Place(_name(build.partitions))
    else:
        others = " or ".join(each.partitions for each in built_in.USUAL)
        place = _Place(PARTITIONS_CONF, _may_be(others))
    doubt = not_understood(host)
    return place if doubt is None else replace(place, none=Missing(doubt))


def _place(path: str) -> _Place:
    """Return where a path of OpenSM's leads; a relative one leads from a folder that ps hides.

    -F=FILE and the like name a file in a folder named "=", or one with an equals sign in front.
    """
    if not path or path.startswith("="):
        return _Place(_name(path or "/"), Missing(f"there is no file {path!r}", absent=True))
    if not path.startswith("/"):
        return _Place(_name(path), Missing(f"it is not known in which folder {path} is"))
    return _Place(_name(path))


def _build(host: Evidence) -> BuiltIn | None:
    """Return what OpenSM looks for when it is told nothing; None: not known.

    It knows that itself.  Else the system tells, or which of the usual files there are.
    """
    text = host.text(OPENSM_HELP)
    said = None if isinstance(text, Missing) else built_in.of_program(text)
    if said is not None:
        return said
    system = host.text(OS_RELEASE)
    if isinstance(system, str) and built_in.is_of_debian(system):
        return built_in.ETC_OPENSM
    fit = [build for build in built_in.USUAL if any(map(host.has, _names(build)))]
    if len(fit) == 1:
        return fit[0]
    told = _command_line(host).last(command_line.CONFIG) or ""
    near = [build for build in built_in.USUAL if os.path.dirname(told) in build.config]
    if told and len(near) == 1:
        return near[0]
    return None if fit else built_in.ETC_OPENSM


def _names(build: BuiltIn) -> tuple[str, str]:
    return _name(build.config), _name(build.partitions)


def _may_be(files: str) -> Missing:
    return Missing(f"it may be {files}: {shown(OPENSM_HELP)} tells which, and was not collected")


def _name(path: str) -> str:
    """Return the name of a path; it cannot lead out of the host's folder."""
    return os.path.normpath(f"/{path.strip()}".replace("\0", "")).lstrip("/")

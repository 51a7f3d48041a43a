# SPDX-License-Identifier: Apache-2.0
"""Names of options, properties and services that are nearly those that there are."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.checks.services import KNOWN_SERVICES
from ibstack.cluster.lint.finding import Finding, Place, Severity
from ibstack.cluster.lint.known_files import all_of_section, names, options_of
from ibstack.cluster.model.catalogue import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, LintFile, Setting

_NEAR: Final = 0.88
"""Of difflib's ratio: one letter in ten.  Files have many options that are not in the list."""
_SHORTEST: Final = 8
"""Letters: shorter names are near to too many others."""
_NEAR_SERVICE: Final = 0.9
_CMD_CONF: Final = "/cm/local/apps/cmd/etc/cmd.conf"
_DIRECTIVE: Final = re.compile(r"([A-Za-z]\w*)\s*=\s*(.*)")
_RIGHT_DIRECTIVES: Final = {"freezefile": "FrozenFile", "freezefiles": "FrozenFile"}
_SCRIPT: Final = ".cmsh"
_SET: Final = re.compile(r"\b(?:set|get|clear|append|removefrom)\s+([A-Za-z]\w*)")
_ADD: Final = re.compile(r"\b(?:add|use|start|stop|restart)\s+([A-Za-z][\w.-]*)")


def options(cloud: Cloud) -> Iterator[Finding]:
    """Yield options that no reader of their file has, and that are near to one, or of ibstack."""
    for host in cloud.hosts:
        for setting in host.settings:
            if setting.at in options_of(setting.place.file):
                continue
            near = ""
            if len(setting.key) >= _SHORTEST:
                near = _near(setting.key, names(setting.place.file), _NEAR)
            known = all_of_section(setting.place.file, setting.section)
            if near:
                yield _unknown(setting.place, setting.name, setting.value, near)
            elif known:
                yield _of_nobody(setting, known)


def directives(cloud: Cloud) -> Iterator[Finding]:
    """Yield directives of the cluster daemon's cmd.conf that it does not have."""
    for file in cloud.files_at(_CMD_CONF):
        for place, line in file.lines():
            found = _DIRECTIVE.match(line)
            right = _RIGHT_DIRECTIVES.get(found[1].lower()) if found else None
            if found and right:
                yield _unknown(place, found[1], found[2], right)


def script_words(cloud: Cloud) -> Iterator[Finding]:
    """Yield properties and services in scripts of the shell (*.cmsh) that go by other names."""
    for host in cloud.hosts:
        for file in host.files.values():
            if file.path.endswith(_SCRIPT):
                yield from _of_script(file)


def service_names(cloud: Cloud) -> Iterator[Finding]:
    """Yield services of the cluster that are a letter away from one that there is."""
    for path, name in _services(cloud):
        near = _near(name, KNOWN_SERVICES, _NEAR_SERVICE)
        if near:
            yield Finding(
                "unknown-service",
                Place(path),
                "services",
                name,
                "there is no such service, so nothing is started",
                f"call it {near}",
            )


def _services(cloud: Cloud) -> Iterator[tuple[str, str]]:
    if cloud.view is None:
        return
    for owner in cloud.view.children(None, ("category", "device")):
        for service in cloud.view.children(owner.path, ("services",)):
            yield str(service.path), service.name


def _of_script(file: LintFile) -> Iterator[Finding]:
    properties = frozenset(each.name for kind in KINDS.values() for each in kind.properties)
    aliases = {
        alias: each.name
        for kind in KINDS.values()
        for each in kind.properties
        for alias in each.aliases
        if alias not in properties
    }
    for place, line in file.lines():
        for word in _SET.findall(line):
            right = aliases.get(word.lower()) or _near(word.lower(), properties, _NEAR)
            if right:
                yield _unknown(place, "set", word, right)
        for word in _ADD.findall(line):
            right = _near(word, KNOWN_SERVICES, _NEAR_SERVICE)
            if right:
                yield _unknown(place, "add", word, right)


@cache  # Hosts have the same options, again and again.
def _near(name: str, known: frozenset[str], cutoff: float) -> str:
    """Return the known name that *name* nearly is; empty: it is one, or near to none."""
    if name in known:
        return ""
    return next(iter(difflib.get_close_matches(name, sorted(known), 1, cutoff)), "")


def _of_nobody(setting: Setting, known: tuple[str, ...]) -> Finding:
    return setting.finding(
        "unknown-name",
        "nothing reads it",
        f"take it away; [{setting.section}] has {', '.join(known)}",
        severity=Severity.WARNING,
    )


def _unknown(place: Place, key: str, value: str, right: str) -> Finding:
    return Finding(
        "unknown-name",
        place,
        key,
        value,
        "nothing has it by that name: at best it is taken by accident, or else passed over",
        f"write {right}",
    )

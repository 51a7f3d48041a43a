# SPDX-License-Identifier: Apache-2.0
"""Ini files and files of lines from what they say: each under a comment that tells whence it is."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.generated import GeneratedFile
from ibstack.cluster.model.modifications import Operation, modified
from ibstack.formats.ini import IniText, normal_section
from ibstack.formats.secrets import is_secret

if TYPE_CHECKING:
    from ibstack.cluster.config.generated import SecretFile
    from ibstack.cluster.config.render.host import Host, SourcedValue
    from ibstack.cluster.model.modifications import Modification

_MODIFIED: Final = "config file modifications"

Modifications = tuple[tuple[str, "Modification"], ...]


@dataclass(frozen=True, slots=True)
class _Key:
    section: str
    name: str
    values: tuple[str, ...]
    origin: str


@dataclass(slots=True)
class IniFile:
    """Keys in the order in which they are written."""

    path: str
    services: tuple[str, ...] = ()
    whole: bool = True
    group: str = ""
    """Of the programs that read it, where they are not root's: it is nobody else's to read."""
    _keys: list[_Key] = field(default_factory=list)
    _secrets: list[SecretFile] = field(default_factory=list)

    def put(self, section: str, name: str, value: str, *origins: str) -> None:
        """Give a key one value."""
        self.put_all(section, name, (value,), *origins)

    def put_all(self, section: str, name: str, values: tuple[str, ...], *origins: str) -> None:
        """Give a key several values, each on a line of its own."""
        self._keys.append(_Key(section, name, values, " and ".join(dict.fromkeys(origins))))

    def put_secret(
        self, section: str, name: str, value: str, secret: SecretFile, *origins: str
    ) -> None:
        """Give a key one value that has the mark of *secret*."""
        self.put(section, name, value, *origins)
        self._secrets.append(secret)

    def say(self, section: str, name: str, said: SourcedValue) -> None:
        """Give a key what an object says."""
        self.put(section, name, said.text, said.origin)

    def generated(self, host: Host) -> GeneratedFile:
        """Return the file as *host* is to have it: its modifications are applied."""
        path = PurePosixPath(self.path)
        own = host.modifications(path)
        text, origin = _written(tuple(self._keys), own, self.path)
        secret = any(is_secret(key.rpartition("]")[2]) for key, _ in origin)
        return GeneratedFile(
            path,
            text,
            ", ".join(objects_of(origin)),
            origin,
            mode=self._mode(secret=secret),
            group=self.group,
            whole=self.whole,
            services=self.services,
            secrets=tuple(self._secrets),
            has_secret_keys=secret,
            ini=True,
        )

    def _mode(self, *, secret: bool) -> int:
        """Return a new file's mode."""
        if self.group:
            return 0o640
        return 0o600 if secret else 0o644


def objects_of(origin: tuple[tuple[str, str], ...]) -> list[str]:
    """Return the objects that *origin* names, each once."""
    names = (part.partition(":")[0] for _, each in origin for part in each.split(" and "))
    return list(dict.fromkeys(names))


# Hosts of a category have equal keys and modifications, so this is done once for them.
@functools.lru_cache(maxsize=4096)
def _written(
    keys: tuple[_Key, ...], modifications: Modifications, file: str
) -> tuple[str, tuple[tuple[str, str], ...]]:
    content = modified(_text(keys).encode(), [each for _, each in modifications], file)
    origins = {(normal_section(key.section), key.name): key.origin for key in keys}
    for path, each in modifications:
        if each.operation is Operation.SET:
            origins[normal_section(each.section), each.key] = f"{path}: {_MODIFIED}"
    ini = IniText(content, file)
    found = ini.keys()
    origins = {where: origins[where] for where in found}
    ini.annotate({where: f"from {origin}" for where, origin in origins.items()})
    named = tuple((f"[{section}]{key}", origin) for (section, key), origin in origins.items())
    return ini.content().decode(), named


def _text(keys: tuple[_Key, ...]) -> str:
    sections: dict[str, list[str]] = {}
    for key in keys:
        lines = sections.setdefault(key.section, [])
        lines += (f"{key.name} = {value}".rstrip() + "\n" for value in key.values)
    return "\n".join(f"[{name}]\n{''.join(lines)}" for name, lines in sections.items())


@dataclass(slots=True)
class LineFile:
    """Lines in the order in which they are written; `#` begins a comment in its format."""

    path: str
    services: tuple[str, ...] = ()
    whole: bool = True
    needs_reboot: bool = False
    stays: bool = False
    _text: list[str] = field(default_factory=list)
    _origin: list[tuple[str, str]] = field(default_factory=list)

    def put(self, key: str, lines: str, *origins: str) -> None:
        """Add *lines*, each with its end, which say *key*."""
        origin = " and ".join(dict.fromkeys(origins))
        self._origin.append((key, origin))
        self._text.append(f"# from {origin}\n{lines}")

    def generated(self) -> GeneratedFile:
        """Return the file."""
        origin = tuple(self._origin)
        return GeneratedFile(
            PurePosixPath(self.path),
            "".join(self._text),
            ", ".join(objects_of(origin)),
            origin,
            whole=self.whole,
            services=self.services,
            needs_reboot=self.needs_reboot,
            stays=self.stays,
        )

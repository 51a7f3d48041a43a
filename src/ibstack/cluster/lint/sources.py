# SPDX-License-Identifier: Apache-2.0
"""Where a cloud's configuration comes from: folders collected from hosts, and the cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render import files_of_all
from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile
from ibstack.cluster.lint.finding import Place
from ibstack.cluster.lint.known_files import FOLDERS
from ibstack.cluster.lint.opensm_files import named_partitions
from ibstack.fabric.errors import BadInput
from ibstack.facts.collected_files import content_of, is_collected, names_below
from ibstack.formats.vf_requests import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ibstack.cluster.model.state import View

FACTS: Final = "interfaces"
"""A file in a host's folder: names of its interfaces, one to a line or with blanks between."""

_NETWORK_CLASS: Final = "sys/class/net"
_CMDLINE: Final = "proc/cmdline"


def cloud_of(view: View | None, folder: Path | None) -> Cloud:
    """Return what the cluster would write and what *folder* holds, either or both.

    A file that was collected counts in place of what the cluster would write.
    """
    written = dict(_of_cluster(view)) if view is not None else {}
    collected = dict(_of_folder(folder)) if folder is not None else {}
    return Cloud(
        tuple(
            _merged(name, written.get(name, {}), collected.get(name))
            for name in sorted(written.keys() | collected.keys())
        ),
        view,
    )


def _merged(
    name: str, written: Mapping[str, LintFile], collected: HostConfiguration | None
) -> HostConfiguration:
    if collected is None:
        return HostConfiguration(name, written, None, written)
    files = {**written, **collected.files}
    return HostConfiguration(name, files, collected.interfaces, written, collected=True)


def _of_cluster(view: View) -> Iterator[tuple[str, dict[str, LintFile]]]:
    for host, files in files_of_all(view, view.names("device")):
        yield (
            host,
            {
                str(path): LintFile(Place(str(path), host, generated=True), file.content(None))
                for path, file in files.items()
            },
        )


def _of_folder(root: Path) -> Iterator[tuple[str, HostConfiguration]]:
    try:
        hosts = sorted(each for each in root.iterdir() if each.is_dir())
    except OSError as error:
        raise BadInput(f"cannot read the hosts' files in {root}: {error.strerror}") from error
    if not any((host / part).is_dir() for host in hosts for part in FOLDERS):
        raise BadInput(
            f"cannot read the hosts' files in {root}: no folder in it has an etc;"
            f" expected {root}/HOST/etc/…"
        )
    for host in hosts:
        yield host.name, HostConfiguration(host.name, _files(host), _interfaces(host))


def _files(host: Path) -> dict[str, LintFile]:
    found: dict[str, LintFile] = {}
    for part in (*FOLDERS, *ELSEWHERE):
        for name in names_below(host, part):
            found[f"/{name}"] = _file(host, f"/{name}")
    if is_collected(host, _CMDLINE):
        found[f"/{_CMDLINE}"] = _file(host, f"/{_CMDLINE}")
    for path in named_partitions(found):
        if path not in found and is_collected(host, _name(path)):
            found[path] = _file(host, path)
    return found


def _file(host: Path, path: str) -> LintFile:
    return LintFile(Place(path, host.name), content_of(host / _name(path)))


def _name(path: str) -> str:
    """Return where a path of the host's is in its folder; it cannot lead out of that."""
    return os.path.normpath(f"/{path}").lstrip("/")


def _interfaces(host: Path) -> frozenset[str] | None:
    facts = host / FACTS
    if facts.is_file():
        return frozenset(content_of(facts).decode(errors="replace").split())
    folder = host / _NETWORK_CLASS
    return frozenset(os.listdir(folder)) if folder.is_dir() else None

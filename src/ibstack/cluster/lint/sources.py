# SPDX-License-Identifier: Apache-2.0
"""Where a cloud's configuration comes from: folders collected from hosts, and the cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ibstack.cluster.files.render import files_of_all
from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile
from ibstack.cluster.lint.finding import Place
from ibstack.cluster.lint.known_files import FOLDERS
from ibstack.cluster.lint.opensm_files import named_partitions
from ibstack.fabric.errors import BadInput
from ibstack.formats.vf_requests import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ibstack.cluster.model.state import View

FACTS: Final = "interfaces"
"""A file in a host's folder: names of its interfaces, one to a line or with blanks between."""

_NETWORK_CLASS: Final = "sys/class/net"
_CMDLINE: Final = "proc/cmdline"
_LARGEST: Final = 1 << 20
"""Bytes; what is larger is no configuration that a check reads."""


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
        for folder, below, names in os.walk(host / part):
            below.sort()
            for name in sorted(names):
                place = host / os.path.relpath(os.path.join(folder, name), host)
                path = f"/{place.relative_to(host)}"
                if place.is_symlink() or not place.is_file() or place.stat().st_size > _LARGEST:
                    continue
                found[path] = LintFile(Place(path, host.name), _content(place))
    cmdline = host / _CMDLINE
    if cmdline.is_file() and not cmdline.is_symlink():
        path = f"/{_CMDLINE}"
        found[path] = LintFile(Place(path, host.name), _content(cmdline))
    for path in named_partitions(found):
        place = host / os.path.normpath(f"/{path}").lstrip("/")
        if path not in found and _is_within(host, place):
            found[path] = LintFile(Place(path, host.name), _content(place))
    return found


def _is_within(host: Path, place: Path) -> bool:
    """Tell whether a file is there, in the host's folder and by no link; of any size but large."""
    try:
        ours = place.is_file() and place.resolve() == host.resolve() / place.relative_to(host)
        return ours and place.stat().st_size <= _LARGEST
    except (OSError, ValueError):
        return False  # A name that is too long, say: it is what somebody wrote into a file.


def _content(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {place}: {error.strerror}") from error


def _interfaces(host: Path) -> frozenset[str] | None:
    facts = host / FACTS
    if facts.is_file():
        return frozenset(_content(facts).decode(errors="replace").split())
    folder = host / _NETWORK_CLASS
    return frozenset(os.listdir(folder)) if folder.is_dir() else None

# SPDX-License-Identifier: Apache-2.0
"""The groups of nodes, written on this machine too, for pdsh and clush that run here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ibstack.cluster.config.render import node_groups
from ibstack.cluster.config.render.host import Host, Site
from ibstack.cluster.config.write import apply_files, plan_files
from ibstack.cluster.model.device import HEAD
from ibstack.cluster.rollout.host_folder import HostFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.write import FileEvent
    from ibstack.cluster.model.state import View
    from ibstack.cluster.rollout.settings import Settings


def write_groups(
    view: View, settings: Settings, now: Callable[[], datetime]
) -> tuple[FileEvent, ...]:
    """Bring the files that the settings name to the groups of *view*."""
    files = {file.path: file for file in _files(view, settings)}
    here = HostFolder(Path("/"), now)
    return apply_files(here, plan_files(here, files))


def _files(view: View, settings: Settings) -> Iterator[GeneratedFile]:
    places = {
        node_groups.GENDERS_PATH: settings.genders,
        node_groups.CLUSTERSHELL_PATH: settings.clustershell,
    }
    head = next((each.name for each in view.children(None, ("device",)) if each.type == HEAD), "")
    if not head or not any(places.values()):
        return
    for file in node_groups.files(Host(Site(view), head)):
        place = places[str(file.path)]
        if place is not None:
            yield replace(file, path=PurePosixPath(place))

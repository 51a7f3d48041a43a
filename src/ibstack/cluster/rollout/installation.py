# SPDX-License-Identifier: Apache-2.0
"""What a device is installed and started from, by the cluster's state.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.config.render import files_of_all
from ibstack.cluster.model.device import NODES
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import (
    effective,
    effective_roles,
    effective_services,
    frozen_files,
    kernel_command_line,
    scripts,
)
from ibstack.cluster.model.naming import the_object
from ibstack.cluster.rollout.hosts import Installation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path, PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.model.state import View


def installations(
    view: View, devices: Iterable[str], operator_stopped: Collection[tuple[str, str]], images: Path
) -> Iterator[Installation]:
    """Yield what each device is started from; *images*: what paths of images are below of."""
    for device, files in files_of_all(view, devices):
        autostart = tuple(
            name
            for name, service in effective_services(view, device).items()
            if service.values["autostart"].value and (device, name) not in operator_stopped
        )
        frozen = tuple(entry for _, entry in frozen_files(view, device))
        entity = the_object(view, EntityPath.of("device", device), "start")
        if entity.type in NODES:
            yield _of_node(view, device, files, frozen, autostart, images)
        else:
            yield Installation(device, "", files=files, frozen=frozen, autostart=autostart)


def image_folder(view: View, image: str, images: Path) -> Path | None:
    """Return where the tree of an image lies; None where there is no such image."""
    path = EntityPath.of("softwareimage", image)
    if view.get(path) is None:
        return None
    return images / str(effective(view, path, "path").value).lstrip("/")


def _of_node(
    view: View,
    device: str,
    files: Mapping[PurePosixPath, GeneratedFile],
    frozen: tuple[str, ...],
    autostart: tuple[str, ...],
    images: Path,
) -> Installation:
    path = EntityPath.of("device", device)

    def text(name: str) -> str:
        return str(effective(view, path, name).value)

    category = EntityPath.of("category", text("category"))
    known = view.get(category) is not None
    return Installation(
        device,
        text("nextinstallmode") or text("installmode"),
        str(effective(view, category, "newnodeinstallmode").value) if known else "FULL",
        text("softwareimage"),
        image_folder(view, text("softwareimage"), images),
        not effective(view, path, "datanode").value,
        {
            "FULL": tuple(text("excludelistfullinstall").splitlines()),
            "AUTO": tuple(text("excludelistsyncinstall").splitlines()),
        },
        files,
        frozen,
        scripts(view, device, "initialize"),
        scripts(view, device, "finalize"),
        {
            "CMD_HOSTNAME": device,
            "CMD_CATEGORY": category.name,
            "CMD_ROLES": " ".join(effective_roles(view, device)),
            "CMD_SOFTWAREIMAGE": text("softwareimage"),
        },
        str(kernel_command_line(view, device).value),
        autostart,
    )

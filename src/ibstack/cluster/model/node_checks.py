# SPDX-License-Identifier: Apache-2.0
"""What is wrong with what nodes mount, export, route and are managed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.model.problem import Problem, error, warning
from ibstack.cluster.model.value import NO_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import Draft, State


def fsmount_problems(_view: State | Draft, entity: Entity) -> Iterator[Problem]:
    if not entity.name.startswith("/") and entity.name != "swap":
        yield error(entity.path, "mountpoint", f"{entity.name!r} is not an absolute path")
    if not entity.values.get("device"):
        yield error(entity.path, "device", "it is not set; it is what is mounted")


def fsexport_problems(_view: State | Draft, entity: Entity) -> Iterator[Problem]:
    path = entity.text("path")
    if not path.startswith("/"):
        yield error(entity.path, "path", f"{path!r} is not an absolute path")
    if not entity.values.get("network") and not entity.values.get("hosts"):
        yield warning(entity.path, "network", "neither it nor hosts is set: nobody may mount it")


def staticroute_problems(_view: State | Draft, entity: Entity) -> Iterator[Problem]:
    if not entity.values.get("gateway") and not entity.values.get("networkdevicename"):
        yield error(entity.path, "gateway", "neither it nor networkdevicename is set")
    if entity.values.get("destination", NO_ADDRESS) == NO_ADDRESS and entity.values.get(
        "netmaskbits", 24
    ):
        yield error(entity.path, "destination", "it is not set; 0 netmaskbits mean everywhere")


def bmcsettings_problems(_view: State | Draft, entity: Entity) -> Iterator[Problem]:
    file = entity.text("passwordfile")
    if file and not file.startswith("/"):
        yield error(entity.path, "passwordfile", f"{file!r} is not an absolute path")

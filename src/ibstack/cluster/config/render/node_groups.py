# SPDX-License-Identifier: Apache-2.0
"""Groups of nodes on the head node: /etc/genders for pdsh, and a source for ClusterShell."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config import groups
from ibstack.cluster.config.genders import BesideLines
from ibstack.cluster.config.generated import GeneratedFile
from ibstack.cluster.config.group_sources import BesideSources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.remark import Fit
    from ibstack.cluster.config.render.host import Host

GENDERS_PATH: Final = "/etc/genders"
CLUSTERSHELL_PATH: Final = "/etc/clustershell/groups.d/ibstack.yaml"
INI_PATHS: Final[tuple[str, ...]] = ()


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield both files, on a head node."""
    if not host.is_head:
        return
    fits: tuple[tuple[str, str, bool, Fit], ...] = (
        (GENDERS_PATH, groups.genders(host.view), False, BesideLines()),
        (CLUSTERSHELL_PATH, groups.clustershell_source(host.view), True, BesideSources()),
    )
    remarks = groups.remarks(host.view)
    for path, text, whole, fit in fits:
        yield GeneratedFile(
            PurePosixPath(path),
            text,
            "all devices",
            (("nodes", "device: type and device: category"),),
            whole=whole,
            fit=fit,
            remarks=remarks,
        )

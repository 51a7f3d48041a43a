# SPDX-License-Identifier: Apache-2.0
"""The files that follow from a cluster for its hosts, and what is wrong in a cloud's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.config.render import files_of
from ibstack.cluster.lint.findings import findings
from ibstack.cluster.lint.sources import cloud_of
from ibstack.fabric.errors import BadInput
from ibstack.views.cluster import devices_named

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.lint.finding import Place, Severity
    from ibstack.views.cluster import Cluster


@dataclass(frozen=True, slots=True)
class LintRow:
    """One thing that is wrong."""

    id: str
    severity: Severity
    place: Place
    key: str
    value: str
    other_place: Place | None
    """Where the other side of a contradiction is; None: there is none."""
    other_value: str | None
    breaks: str
    remedy: str


@dataclass(frozen=True, slots=True)
class OriginRow:
    """One key of a generated file, and what it follows from."""

    path: PurePosixPath
    key: str
    origin: str


def lint(cluster: Cluster | None, collected: Path | None) -> list[LintRow]:
    """Return what is wrong in what *cluster* generates and in what was *collected* from hosts.

    BadInput where there is neither.
    """
    if cluster is None and collected is None:
        raise BadInput("cannot look at files only: there are none; add --host-files DIR")
    view = None if cluster is None else cluster.store.load()
    return [
        LintRow(
            *(each.id, each.severity, each.place, each.key, each.value),
            *(each.other, each.other_value or None, each.breaks, each.remedy),
        )
        for each in findings(cloud_of(view, collected))
    ]


def files(cluster: Cluster, host: str) -> list[GeneratedFile]:
    """Return the files that are generated for *host*; BadInput where there is none such."""
    state = cluster.store.load()
    (name,) = devices_named(state, [host], "list the files of")
    return list(files_of(state, name).values())


def origins(cluster: Cluster, host: str) -> list[OriginRow]:
    """Return the keys of the files of *host*; BadInput where there is none such."""
    return [
        OriginRow(each.path, key, origin)
        for each in files(cluster, host)
        for key, origin in each.origin
    ]

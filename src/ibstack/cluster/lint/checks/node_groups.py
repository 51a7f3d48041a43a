# SPDX-License-Identifier: Apache-2.0
"""Groups of nodes: lines that genders or ClusterShell do not read, and what is given twice."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.genders import BesideLines, GendersText
from ibstack.cluster.config.group_sources import BesideSources, sources_that_count
from ibstack.cluster.config.render.node_groups import CLUSTERSHELL_PATH, GENDERS_PATH
from ibstack.cluster.config.sections import body_of_section, with_section_blank
from ibstack.cluster.lint.finding import Finding, Place, Severity
from ibstack.cluster.model.naming import group_fault
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile

_SOURCES: Final = PurePosixPath(CLUSTERSHELL_PATH)
_BESIDE: Final = BesideSources().beside(_SOURCES)
_KINDS: Final = ("category", "nodegroup")


def genders_lines(cloud: Cloud) -> Iterator[Finding]:
    """Yield lines that genders does not read."""
    for file in cloud.files_at(GENDERS_PATH):
        for fault in GendersText(file.content).faults:
            some = fault.of_some_builds
            yield Finding(
                "genders-unreadable",
                file.at_line(fault.line),
                "",
                fault.text,
                f"{fault.why}: {'some' if some else 'all'} queries of pdsh -g fail",
                "mend the line; an attribute of a node stands there once",
                severity=Severity.WARNING if some else Severity.ERROR,
            )


def genders_lines_beside(cloud: Cloud) -> Iterator[Finding]:
    """Yield attributes that lines outside our section give otherwise than the cluster."""
    for host in cloud.hosts:
        file, ours = host.files.get(GENDERS_PATH), host.generated.get(GENDERS_PATH)
        if file is not None and ours is not None and file is not ours:
            yield from _otherwise(file, ours)


def _otherwise(file: LintFile, ours: LintFile) -> Iterator[Finding]:
    try:
        text = body_of_section(ours.content).decode()
        fitted = BesideLines().fitted(text, with_section_blank(file.content), {})
    except Refused:
        return  # Lines that cannot be read are told of by the check above, marks by drift.
    for remark in fitted.remarks:
        yield Finding(
            "genders-otherwise",
            file.place,
            remark.what,
            remark.found,
            "pdsh -g runs on other nodes than the cluster says",
            "remove the attribute from that line",
            ours.place,
            remark.wanted,
            Severity.WARNING,
        )


def group_sources(cloud: Cloud) -> Iterator[Finding]:
    """Yield files of group sources that ClusterShell does not read, and sources of one name."""
    for host in cloud.hosts:
        first: dict[str, LintFile] = {}
        for path, found in sources_that_count(_files_of_sources(host)):
            file = host.files[str(path)]
            if found.fault:
                yield Finding(
                    "group-source-unreadable",
                    file.place,
                    "",
                    found.fault,
                    "ClusterShell (clush, nodeset) finds no group at all",
                    "mend the file",
                )
            for name in found.names:
                other = first.setdefault(name, file)
                if other is not file:
                    yield Finding(
                        "group-source-twice",
                        file.place,
                        name,
                        "a group source",
                        "ClusterShell takes none of two, and finds no group at all",
                        "rename the source in the site's own file",
                        other.place,
                        "a group source",
                    )


def _files_of_sources(host: HostConfiguration) -> dict[PurePosixPath, bytes]:
    paths = [PurePosixPath(path) for path in sorted(host.files)]
    return {
        path: host.files[str(path)].content
        for path in paths
        if any(path.match(str(pattern)) for pattern in _BESIDE) and not path.name.startswith(".")
    }


def names(cloud: Cloud) -> Iterator[Finding]:
    """Yield categories and node groups whose names pdsh or ClusterShell read as something else."""
    for entity in cloud.view.children(None, _KINDS) if cloud.view is not None else ():
        fault = group_fault(entity.path.kind, entity.name)
        if fault:
            yield Finding(
                "group-name",
                Place(str(entity.path)),
                "name",
                entity.name,
                f"{fault}; it is left out of /etc/genders and of ClusterShell's groups",
                "rename it: set NAME in its mode",
            )

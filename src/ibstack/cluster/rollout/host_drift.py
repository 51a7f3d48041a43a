# SPDX-License-Identifier: Apache-2.0
"""What on a host is not as the cluster's state says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.file_difference import differences
from ibstack.cluster.config.generated import looked_at
from ibstack.cluster.config.sections import TextOwner
from ibstack.cluster.config.write import FileAction, plan_files
from ibstack.cluster.rollout.backend import Drift
from ibstack.transport.host_state import UP
from ibstack.transport.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.write import FileStep
    from ibstack.cluster.rollout.hosts import Installation
    from ibstack.transport.host_state import Running
    from ibstack.transport.query import Observation

_NONE: Final = "(none)"
_OWNERS: Final = {
    TextOwner.ABSENT: "no section of ours",
    TextOwner.OURS: "as generated before",
    TextOwner.EDITED: "edited by hand",
    TextOwner.FOREIGN: "not written by ibstack",
}


def drift_query(wanted: Installation) -> Query:
    """Return what has to be known of a host to tell."""
    return Query(looked_at(wanted.files), wanted.autostart, running=True)


def host_drift(wanted: Installation, seen: Observation) -> Iterator[Drift]:
    """Yield what differs: that the host is not up, or its start, files, keys and services."""
    host = wanted.host
    if not seen.up:
        state = seen.state or "UNKNOWN"
        yield Drift(host, "state", UP, f"{state}: {seen.why}" if seen.why else state)
        return
    yield from _of_start(wanted, seen.running)
    for step in plan_files(seen.files, wanted.files, wanted.frozen):
        if step.action is not FileAction.FROZEN:
            yield from _of_file(host, step)
    for name in wanted.autostart:
        state = seen.services.get(name, "UNKNOWN")
        if state != UP:
            yield Drift(host, f"service {name}", UP, state)


def _of_start(wanted: Installation, running: Running) -> Iterator[Drift]:
    if wanted.image and running.image is not None and running.image != wanted.image:
        yield Drift(wanted.host, "software image", wanted.image, running.image)
    kernel = running.kernel_command_line
    if not wanted.mode or kernel is None:
        return
    words = wanted.kernel_command_line.split()
    if running.whole:
        same = kernel == wanted.kernel_command_line
    else:
        same = set(words) <= set(kernel.split())
    if not same:
        yield Drift(wanted.host, "kernel parameters", wanted.kernel_command_line, kernel)


def _of_file(host: str, step: FileStep) -> Iterator[Drift]:
    path = str(step.file.path)
    for remark in step.remarks:
        yield Drift(host, f"{path}: {remark.what}", remark.wanted, remark.found)
    if step.action is FileAction.SHORT:
        return
    if step.action is FileAction.BLOCKED:
        yield Drift(host, path, "as generated", step.why)
        return
    if step.before is None:
        yield Drift(host, path, "as generated", "missing")
        return
    yield Drift(host, path, "as generated", _OWNERS[step.owner])
    if step.file.ini:
        for each in differences(step.before, step.after, ini=True):
            if each.what or each.after or each.before:
                what = f"{path}{each.what}"
                yield Drift(host, what, each.after or _NONE, each.before or _NONE)

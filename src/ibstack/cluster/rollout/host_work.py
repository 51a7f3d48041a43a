# SPDX-License-Identifier: Apache-2.0
"""What a commit does on one host: decided from the change and from what the host showed.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.file_difference import differences, shown
from ibstack.cluster.config.generated import looked_at
from ibstack.cluster.config.write import FileAction, FileEvent, plan_files
from ibstack.fabric.errors import IbstackError
from ibstack.transport.apply_request import (
    ApplyRequest,
    FileRequest,
    FileResult,
    ServiceRequest,
)
from ibstack.transport.host_state import UP
from ibstack.transport.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ibstack.cluster.config.write import FileStep
    from ibstack.cluster.rollout.events import Events
    from ibstack.cluster.rollout.host_changes import HostChange
    from ibstack.transport.apply_request import ApplyResult, ServiceAction
    from ibstack.transport.query import Observation

RESTART_REQUIRED: Final = PurePosixPath("/run/ibstack-cluster/restart-required")
"""Why a host has to be restarted; a restart takes it away, as all of /run.

Not in /run/ibstack: that is the RuntimeDirectory of ibstack-eswitchd, which systemd removes when
the unit stops (systemd.exec(5)), and a commit may restart it.
"""

PAST: Final[Mapping[ServiceAction, str]] = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "reload": "reloaded",
    "reset": "reset",
}
_WRITTEN: Final = (FileAction.CREATE, FileAction.REPLACE, FileAction.REMOVE)


@dataclass(frozen=True, slots=True)
class HostWork:
    """What one host gets; of a host that is not UP nothing now."""

    change: HostChange
    seen: Observation
    steps: tuple[FileStep, ...] = ()
    start: tuple[str, ...] = ()
    operator_stopped: tuple[str, ...] = ()
    """Services that would be started, had an operator not stopped them."""
    restart: tuple[str, ...] = ()
    """Services that read a file only when they start."""
    unread: tuple[str, ...] = ()
    """Services that should read a file anew; the host could not tell whether they run."""
    reasons: tuple[str, ...] = ()
    """Why the host has to be restarted."""

    @property
    def host(self) -> str:
        return self.change.host


def change_query(change: HostChange) -> Query:
    """Return what has to be known of a host to decide."""
    files = (*looked_at(change.files), *change.gone)
    readers = (
        name for path in (change.files, change.gone) for f in path.values() for name in f.services
    )
    services = dict.fromkeys((*change.start, *readers))
    return Query((*files, RESTART_REQUIRED), tuple(services))


def work_on(
    change: HostChange,
    seen: Observation,
    frozen: Iterable[str],
    operator_stopped: frozenset[tuple[str, str]],
) -> HostWork:
    """Return what the host gets; *operator_stopped*: services, as (host, name)."""
    if not seen.up:
        return HostWork(change, seen)
    host = change.host
    steps = plan_files(seen.files, change.files, frozen, change.gone)
    read_anew = [step.file for step in steps if _says_something_else(step)]
    readers = dict.fromkeys(name for file in read_anew for name in file.services)
    down = [name for name in change.start if seen.services.get(name) != UP]
    waiting = [name for name in readers if name not in change.stop]
    unread = tuple(name for name in waiting if seen.services.get(name) is None)
    return HostWork(
        change,
        seen,
        steps,
        start=tuple(name for name in down if (host, name) not in operator_stopped),
        operator_stopped=tuple(name for name in change.start if (host, name) in operator_stopped),
        restart=tuple(name for name in waiting if seen.services.get(name) == UP),
        unread=unread,
        reasons=(
            *change.restart,
            *(str(file.path) for file in read_anew if file.needs_reboot),
            *(f"service {name}" for name in unread),
        ),
    )


def planned(work: HostWork) -> Iterator[str]:
    """Yield what a dry run says of the host."""
    change = work.change
    if not work.seen.up:
        yield _away(work.seen)
        return
    for step in work.steps:
        if step.action is not FileAction.SHORT:
            yield str(step)
        yield from step.warnings
        if step.file.secrets and not step.file.ini:
            continue
        if step.action in (FileAction.CREATE, FileAction.REPLACE) and step.before is not None:
            found = differences(step.before, step.after, ini=step.file.ini)
            yield from (f"{step.file.path}: {line}" for line in shown(found))
    yield from (f"stop {name}" for name in change.stop)
    yield from (f"restart {name}" for name in work.restart)
    yield from (f"start {name}" for name in work.start)
    yield from (_not_restarted(work, name) for name in work.unread)
    yield from (f"leave {name} stopped: an operator stopped it" for name in work.operator_stopped)
    if work.reasons:
        yield f"restart-required: {', '.join(work.reasons)}"


def apply_request(work: HostWork, revision: int) -> ApplyRequest:
    """Return what the host is told by the commit *revision*."""
    files = [
        FileRequest(
            path=step.file.path,
            before=step.before,
            after=step.after,
            mode=step.file.mode,
            group=step.file.group,
            keep=step.needs_backup,
            secret=step.file.secret,
        )
        for step in work.steps
        if step.action in _WRITTEN
    ]
    if work.reasons:
        files.append(_flag(work))
    return ApplyRequest(
        tuple(files),
        (
            *(ServiceRequest(name, "stop", at_boot=False) for name in work.change.stop),
            *(ServiceRequest(name, "restart") for name in work.restart),
            *(ServiceRequest(name, "start", at_boot=True) for name in work.start),
        ),
        revision,
    )


def add_result_events(
    work: HostWork, request: ApplyRequest, result: ApplyResult, events: Events
) -> None:
    """Add to *events* what became of the host's order."""
    host = work.host
    if result.failed:
        events.add(host, f"cannot apply this commit: {result.failed}", "error")
        return
    for text, severity in _of_files(work.steps, result):
        events.add(host, text, severity)
    for name in work.unread:
        events.add(host, _not_restarted(work, name), "error")
    for each, why in zip(request.services, result.services, strict=True):
        assert each.action is not None, "a commit does something to a service, or leaves it"
        if why:
            events.add(host, f"cannot {each.action} {each.name}: {why}", "error")
        else:
            events.add(host, f"Service {each.name} was {PAST[each.action]}")


def _not_restarted(work: HostWork, name: str) -> str:
    why = work.seen.services_unknown or "the host does not tell whether it runs"
    return f"cannot restart {name}, which has not read the new file: {why}; restart it by hand"


def _of_files(steps: Iterable[FileStep], result: ApplyResult) -> Iterator[tuple[str, str]]:
    """Yield what became of files, with its severity."""
    for step in steps:
        if step.action is FileAction.BLOCKED:
            yield from FileEvent(step, failed=step.why).messages()
        elif step.action is not FileAction.FROZEN:
            written = result.files.get(step.file.path, FileResult())
            yield from FileEvent(step, written.kept, written.failed, written.narrowed).messages()
    flag = result.files.get(RESTART_REQUIRED)
    if flag is not None and flag.failed:
        yield f"{RESTART_REQUIRED}: {flag.failed}", "error"


def add_away_event(work: HostWork, events: Events) -> None:
    """Add to *events* that the host, which is not UP, has not got the commit."""
    events.add(work.host, _away(work.seen), "error" if work.seen.why else "info")


def _away(seen: Observation) -> str:
    if seen.why:
        return f"cannot apply this commit: {seen.why}"
    return "not up: it gets this commit when it starts"


def _flag(work: HostWork) -> FileRequest:
    try:
        before = work.seen.files.read(RESTART_REQUIRED)
    except IbstackError:
        # The host says why, when it tries.
        before = None
    known = (before or b"").decode(errors="replace").splitlines()
    text = "".join(f"{reason}\n" for reason in dict.fromkeys((*known, *work.reasons)))
    return FileRequest(RESTART_REQUIRED, before, text.encode())


def _says_something_else(step: FileStep) -> bool:
    """Tell whether who reads the file finds more changed than comments."""
    return step.action in _WRITTEN and bool(differences(step.before, step.after, ini=step.file.ini))

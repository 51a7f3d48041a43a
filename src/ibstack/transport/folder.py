# SPDX-License-Identifier: Apache-2.0
"""Hosts that are folders of this machine: to try a cluster in, before there are machines.

`DIR/<host>/root` is the host's file system, `state.json` what its power, kernel and services are.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import IbstackError
from ibstack.transport import remote_files
from ibstack.transport.apply_request import ApplyRequest, ApplyResult, FileResult, ServiceRequest
from ibstack.transport.backups import KEPT, stamp
from ibstack.transport.host_state import DOWN, FAILING, UP, Running
from ibstack.transport.query import Observation, ObservedFiles, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from ibstack.transport.transport import Listener

_LATER: Final = "try again when it is up"


@dataclass(frozen=True, slots=True)
class Record:
    """What state.json says."""

    state: str = DOWN
    image: str | None = None
    kernel_command_line: str | None = None
    services: Mapping[str, str] = field(default_factory=dict)


class FolderTransport:
    """The hosts below one folder.  Implements HostTransport.

    One that has no folder was never installed, and is DOWN.
    """

    def __init__(
        self, folder: Path, now: Callable[[], datetime], kept: PurePosixPath = KEPT
    ) -> None:
        """*now* dates what is kept aside below *kept*, in UTC."""
        self.folder = folder
        self._now = now
        self._kept = kept

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        return {name: self.record(name).state for name in names}

    def query(self, queries: Mapping[str, Query]) -> Mapping[str, Observation]:
        return {host: self._observe(host, query) for host, query in queries.items()}

    def apply(
        self, requests: Mapping[str, ApplyRequest], listener: Listener | None = None
    ) -> Mapping[str, ApplyResult]:
        found = {}
        for host, request in requests.items():
            found[host] = result = self._apply(host, request)
            if listener is not None:
                listener.finished(host, result)
        return found

    def _observe(self, host: str, query: Query) -> Observation:
        found = self.record(host)
        if found.state != UP:
            return Observation(found.state)
        running = Running(found.image, found.kernel_command_line)
        services = {name: found.services.get(name, DOWN) for name in query.services}
        files = self._observe_files(host, query)
        return Observation(UP, files=files, services=services, running=running)

    def _observe_files(self, host: str, query: Query) -> ObservedFiles:
        root = self._root(host)
        contents: dict[PurePosixPath, bytes | None] = {}
        failures: dict[PurePosixPath, str] = {}
        for path in remote_files.asked_paths(root, [str(each) for each in query.files]):
            try:
                contents[PurePosixPath(path)] = remote_files.read(root, path, query.linked)
            except (OSError, remote_files.Refusal) as error:
                failures[PurePosixPath(path)] = remote_files.failure("read", path, error)
        return ObservedFiles(contents, failures)

    def _apply(self, host: str, request: ApplyRequest) -> ApplyResult:
        found = self.record(host)
        if found.state != UP:
            return ApplyResult(failed=f"it is {found.state}; {_LATER}")
        files = [
            (
                *(str(each.path), remote_files.digest(each.before), each.after),
                *(each.mode, each.group, each.keep, each.secret),
            )
            for each in request.files
        ]
        try:
            result = remote_files.apply_files(
                self._root(host), files, str(self._kept), stamp(self._now()), request.revision
            )
        except OSError as error:
            return ApplyResult(failed=str(error.strerror))
        except remote_files.Overtaken as error:
            return ApplyResult(overtaken=error.revision)
        if result is None:
            return ApplyResult(stale=True)
        services = dict(found.services)
        failures = tuple(_act(services, each) for each in request.services)
        if services != found.services:
            self.put_record(host, replace(found, services=services))
        return ApplyResult(
            {PurePosixPath(path): FileResult(*each) for path, each in result.items()}, failures
        )

    def _root(self, host: str) -> str:
        return os.path.join(self.folder, host, "root")

    def record(self, host: str) -> Record:
        """Return what state.json of the host says; IbstackError where it cannot be read."""
        # Ten thousand of them are read at once: Path would take half of the time.
        place = os.path.join(self.folder, host, "state.json")
        try:
            with open(place, "rb") as file:
                known: dict[str, Any] = json.loads(file.read())
            return Record(**known)
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError, TypeError) as error:
            raise IbstackError(f"cannot read {place}: {error}; mend it or remove it") from error

    def put_record(self, host: str, record: Record) -> None:
        """Replace state.json of the host."""
        place = self.folder / host / "state.json"
        scratch = place.with_name(".state.json.new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
            os.replace(scratch, place)
        except OSError as error:
            raise IbstackError(f"cannot write {place}: {error.strerror}") from error


def _act(services: dict[str, str], request: ServiceRequest) -> str:
    """Do it to *services*, by name and state; return why systemd would refuse it, or nothing."""
    state = services.get(request.name, DOWN)
    if request.action == "reload" and state != UP:
        return "it does not run; start it"
    if request.action == "reset":
        services[request.name] = DOWN if state == FAILING else state
    elif request.action is not None:
        services[request.name] = DOWN if request.action == "stop" else UP
    return ""

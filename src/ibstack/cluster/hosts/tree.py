# SPDX-License-Identifier: Apache-2.0
"""Hosts that are folders of this machine: to try a cluster in, before there are machines.

`DIR/<host>/root` is the host's file system, `state.json` what its power, kernel and services are,
`install.log` what its installations did.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.files.write import apply_files, plan_files
from ibstack.cluster.hosts import far_files, image_tree
from ibstack.cluster.hosts.host_folder import HostFolder, stamp
from ibstack.cluster.hosts.host_script import run_script
from ibstack.cluster.hosts.host_state import (
    DOWN,
    FAILING,
    INSTALLER_FAILED,
    INSTALLING,
    UP,
    Running,
)
from ibstack.cluster.hosts.hosts import Progress
from ibstack.cluster.hosts.look import Look, Seen, SeenFiles
from ibstack.cluster.hosts.order import Done, FileDone, Order, ServiceOrder
from ibstack.cluster.hosts.settings import KEPT
from ibstack.fabric.errors import IbstackError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ibstack.cluster.hosts.hosts import Installation, Listener

_LATER: Final = "try again when it is up"
_RUN: Final = "run"
"""What of a file system does not outlive a start, as systemd has it."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What state.json says."""

    state: str = DOWN
    image: str | None = None
    kernel_command_line: str | None = None
    services: Mapping[str, str] = field(default_factory=dict)


class TreeHosts:
    """The hosts below one folder.  One that has no folder was never installed, and is DOWN."""

    installs: Final = True

    def __init__(
        self, folder: Path, now: Callable[[], datetime], kept: PurePosixPath = KEPT
    ) -> None:
        """*now* dates what is logged, and kept aside below *kept*, in UTC."""
        self.folder = folder
        self._now = now
        self._kept = kept

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        return {name: self._read(name).state for name in names}

    def look(self, asked: Mapping[str, Look]) -> Mapping[str, Seen]:
        return {host: self._look(host, look) for host, look in asked.items()}

    def bring(
        self, orders: Mapping[str, Order], listener: Listener | None = None
    ) -> Mapping[str, Done]:
        found = {}
        for host, order in orders.items():
            found[host] = done = self._bring(host, order)
            if listener is not None:
                listener.heard(host, done)
        return found

    def switch_off(self, names: Iterable[str]) -> None:
        for host in names:
            found = self._read(host)
            if found.state != DOWN:
                self._write(host, replace(found, state=DOWN, services={}))

    def _look(self, host: str, look: Look) -> Seen:
        found = self._read(host)
        if found.state != UP:
            return Seen(found.state)
        running = Running(found.image, found.kernel_command_line)
        services = {name: found.services.get(name, DOWN) for name in look.services}
        files = self._look_at_files(host, look)
        return Seen(UP, files=files, services=services, running=running)

    def _look_at_files(self, host: str, look: Look) -> SeenFiles:
        root = self._root(host)
        contents: dict[PurePosixPath, bytes | None] = {}
        failures: dict[PurePosixPath, str] = {}
        for path in far_files.asked_paths(root, [str(each) for each in look.files]):
            try:
                contents[PurePosixPath(path)] = far_files.read(root, path, look.linked)
            except (OSError, far_files.Refusal) as error:
                failures[PurePosixPath(path)] = far_files.failure("read", path, error)
        return SeenFiles(contents, failures)

    def _bring(self, host: str, order: Order) -> Done:
        found = self._read(host)
        if found.state != UP:
            return Done(failed=f"it is {found.state}; {_LATER}")
        files = [
            (
                *(str(each.path), far_files.digest(each.before), each.after),
                *(each.mode, each.group, each.keep),
            )
            for each in order.files
        ]
        try:
            done = far_files.bring_files(
                self._root(host), files, str(self._kept), stamp(self._now()), order.revision
            )
        except OSError as error:
            return Done(failed=str(error.strerror))
        except far_files.Overtaken as error:
            return Done(overtaken=error.revision)
        if done is None:
            return Done(stale=True)
        services = dict(found.services)
        failures = tuple(_act(services, each) for each in order.services)
        if services != found.services:
            self._write(host, replace(found, services=services))
        return Done({PurePosixPath(path): FileDone(*each) for path, each in done.items()}, failures)

    def _root(self, host: str) -> str:
        return os.path.join(self.folder, host, "root")

    def start(self, installations: Sequence[Installation]) -> Iterator[tuple[str, Progress]]:
        for each in installations:
            for step in self._start(each):
                yield each.host, step

    def _start(self, installation: Installation) -> Iterator[Progress]:
        """Start the host; BadInput and the like are steps too, so that others go on."""
        steps = self._installed(installation) if installation.mode else self._booted(installation)
        host = installation.host
        try:
            for step in steps:
                self._log(host, step.text)
                yield step
        except IbstackError as error:
            self._write(host, replace(self._read(host), state=INSTALLER_FAILED, services={}))
            self._log(host, f"{INSTALLER_FAILED}: {error}")
            yield Progress(f"{INSTALLER_FAILED}: {error}", "error")

    def _installed(self, installation: Installation) -> Iterator[Progress]:
        host = installation.host
        mode = self._mode(installation)
        self._write(host, replace(self._read(host), state=INSTALLING, services={}))
        yield Progress(f"{INSTALLING} ({mode})")
        if mode == "MAIN":
            return
        self._run_scripts(installation, "initialize", installation.initialize)
        self._provision(installation, mode)
        yield from self._booted(installation)

    def _mode(self, installation: Installation) -> str:
        """Return how it is installed: a host without a disk that was made can only have it made."""
        new = not (self.folder / installation.host / "root").is_dir()
        mode = installation.mode
        if mode == "MAIN":
            return mode
        if new:
            mode = installation.new_mode
            return mode if mode == "MAIN" else "FULL"
        if mode == "FULL" and not installation.confirmed:
            raise Refused(
                f"cannot install {installation.host} (FULL): it is a data node, and its disks would"
                " be made anew; set datanode no, or another install mode"
            )
        return mode

    def _provision(self, installation: Installation, mode: str) -> None:
        root = self.folder / installation.host / "root"
        if mode not in ("FULL", "AUTO"):
            return
        if installation.tree is None:
            raise Refused(f"cannot install {installation.host}: it has no software image; set one")
        excluded = installation.excluded.get(mode, ())
        if mode == "FULL":
            image_tree.install(installation.tree, root, excluded)
        else:
            kept = (str(self._kept), *map(str, installation.files))
            image_tree.update(installation.tree, root, excluded, kept)
        found = self._read(installation.host)
        self._write(installation.host, replace(found, image=installation.image))

    def _booted(self, installation: Installation) -> Iterator[Progress]:
        host = installation.host
        root = self.folder / host / "root"
        root.mkdir(parents=True, exist_ok=True)
        image_tree.clear(root / _RUN)
        files = HostFolder(root, self._now, self._kept)
        steps = plan_files(files, installation.files, installation.frozen)
        for event in apply_files(files, steps):
            for text, severity in event.told():
                yield Progress(text, severity, event)
        if installation.mode:
            self._run_scripts(installation, "finalize", installation.finalize)
        kernel = installation.kernel_command_line
        services = dict.fromkeys(installation.autostart, UP)
        found = self._read(host)
        self._write(host, replace(found, state=UP, kernel_command_line=kernel, services=services))
        yield Progress(UP)

    def _run_scripts(
        self, installation: Installation, stage: str, scripts: Sequence[tuple[str, str]]
    ) -> None:
        folder = self.folder / installation.host
        environment = {**installation.environment, "IBSTACK_ROOT": str(folder / "root")}
        for number, (source, text) in enumerate(scripts, start=1):
            doing = f"run the {stage} script of {source or 'the node'} for {installation.host}"
            said = run_script(text, folder / "scripts" / f"{stage}-{number}", environment, doing)
            self._log(installation.host, f"{stage} script of {source or 'the node'}\n{said}")

    def _read(self, host: str) -> _Record:
        # Ten thousand of them are read at once: Path would take half of the time.
        place = os.path.join(self.folder, host, "state.json")
        try:
            with open(place, "rb") as file:
                known: dict[str, Any] = json.loads(file.read())
            return _Record(**known)
        except FileNotFoundError:
            return _Record()
        except (OSError, ValueError, TypeError) as error:
            raise IbstackError(f"cannot read {place}: {error}; mend it or remove it") from error

    def _write(self, host: str, record: _Record) -> None:
        place = self.folder / host / "state.json"
        scratch = place.with_name(".state.json.new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
            os.replace(scratch, place)
        except OSError as error:
            raise IbstackError(f"cannot write {place}: {error.strerror}") from error

    def _log(self, host: str, text: str) -> None:
        place = self.folder / host / "install.log"
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8") as log:
            log.write(f"{self._now():%Y-%m-%dT%H:%M:%SZ} {text.rstrip()}\n")


def _act(services: dict[str, str], order: ServiceOrder) -> str:
    """Do it to *services*, by name and state; return why systemd would refuse it, or nothing."""
    state = services.get(order.name, DOWN)
    if order.action == "reload" and state != UP:
        return "it does not run; start it"
    if order.action == "reset":
        services[order.name] = DOWN if state == FAILING else state
    elif order.action is not None:
        services[order.name] = DOWN if order.action == "stop" else UP
    return ""

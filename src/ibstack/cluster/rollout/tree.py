# SPDX-License-Identifier: Apache-2.0
"""A cluster's hosts that are folders of this machine, installed from software images.

Beside what ibstack.transport.folder has of a host, `DIR/<host>/install.log` is what its
installations did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.write import apply_files, plan_files
from ibstack.cluster.rollout import image_tree
from ibstack.cluster.rollout.host_folder import HostFolder
from ibstack.cluster.rollout.hosts import Progress
from ibstack.fabric.errors import IbstackError, Refused
from ibstack.transport.folder import FolderTransport
from ibstack.transport.host_state import DOWN, INSTALLER_FAILED, INSTALLING, UP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ibstack.cluster.rollout.hosts import Installation

_RUN: Final = "run"
"""What of a file system does not outlive a start, as systemd has it."""


class TreeHosts(FolderTransport):
    """The hosts below one folder.  Implements Hosts."""

    installs: Final = True

    def switch_off(self, names: Iterable[str]) -> None:
        for host in names:
            found = self.record(host)
            if found.state != DOWN:
                self.put_record(host, replace(found, state=DOWN, services={}))

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
            self.put_record(host, replace(self.record(host), state=INSTALLER_FAILED, services={}))
            self._log(host, f"{INSTALLER_FAILED}: {error}")
            yield Progress(f"{INSTALLER_FAILED}: {error}", "error")

    def _installed(self, installation: Installation) -> Iterator[Progress]:
        host = installation.host
        mode = self._mode(installation)
        self.put_record(host, replace(self.record(host), state=INSTALLING, services={}))
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
        found = self.record(installation.host)
        self.put_record(installation.host, replace(found, image=installation.image))

    def _booted(self, installation: Installation) -> Iterator[Progress]:
        host = installation.host
        root = self.folder / host / "root"
        root.mkdir(parents=True, exist_ok=True)
        image_tree.clear(root / _RUN)
        files = HostFolder(root, self._now, self._kept)
        steps = plan_files(files, installation.files, installation.frozen)
        for event in apply_files(files, steps):
            for text, severity in event.messages():
                yield Progress(text, severity, event)
        if installation.mode:
            self._run_scripts(installation, "finalize", installation.finalize)
        kernel = installation.kernel_command_line
        services = dict.fromkeys(installation.autostart, UP)
        found = self.record(host)
        self.put_record(
            host, replace(found, state=UP, kernel_command_line=kernel, services=services)
        )
        yield Progress(UP)

    def _run_scripts(
        self, installation: Installation, stage: str, scripts: Sequence[tuple[str, str]]
    ) -> None:
        folder = self.folder / installation.host
        environment = {**installation.environment, "IBSTACK_ROOT": str(folder / "root")}
        for number, (source, text) in enumerate(scripts, start=1):
            doing = f"run the {stage} script of {source or 'the node'} for {installation.host}"
            said = image_tree.run_script(
                text, folder / "scripts" / f"{stage}-{number}", environment, doing
            )
            self._log(installation.host, f"{stage} script of {source or 'the node'}\n{said}")

    def _log(self, host: str, text: str) -> None:
        place = self.folder / host / "install.log"
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8") as log:
            log.write(f"{self._now():%Y-%m-%dT%H:%M:%SZ} {text.rstrip()}\n")

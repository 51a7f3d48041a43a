# SPDX-License-Identifier: Apache-2.0
"""What a shell or a command asks of a cluster's hosts: the seam to what reaches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ibstack.cluster.model.state import State
    from ibstack.cluster.rollout.events import Event
    from ibstack.transport.apply_request import ServiceAction

HostService = tuple[str, str]
"""The name of a host, and of a service on it."""
PowerAction = Literal["on", "off", "reset", "status"]


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The state of a device, and what else is to be said of it."""

    state: str
    """UP, DOWN, INSTALLING, CLOSED …"""
    flags: tuple[str, ...] = ()
    """As restart-required."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing on a host that is not as the cluster's state says."""

    host: str
    what: str
    """A file, a key of a file, or a service."""
    wanted: str
    found: str


class Job(Protocol):
    """Something that a commit asks for and that takes long: the copy of an image."""

    def __str__(self) -> str:
        """Return what it does: "copy /cm/images/a to /cm/images/b"."""
        ...

    def run(self, report: Callable[[Event], None], *, own_process_group: bool = False) -> None:
        """Do it, and tell of its beginning and end; what went wrong is an event of severity error.

        *own_process_group*: a Ctrl-C of the terminal is not meant for it.
        """
        ...

    def percent(self) -> int | None:
        """Return how much of it is done, 0 to 99; None: that is not known."""
        ...


class HostBackend(Protocol):
    """Asks and tells the hosts of a cluster: by ssh, in folders, or played by a test."""

    def status(self, devices: Sequence[str]) -> Mapping[str, DeviceStatus]:
        """Return the state of each of *devices* that is known."""
        ...

    def service_states(self, services: Collection[HostService]) -> Mapping[HostService, str | None]:
        """Return UP, DOWN, STOPPED or FAILING for each; None: it could not be learned."""
        ...

    def service(
        self, services: Collection[HostService], action: ServiceAction
    ) -> tuple[Sequence[Event], Mapping[HostService, str]]:
        """Do it to the services; return what happened, and why it failed where it did."""
        ...

    def reboot(self, devices: Sequence[str]) -> Sequence[Event]:
        """Reboot *devices* through their operating systems."""
        ...

    def power(self, devices: Sequence[str], action: PowerAction) -> Mapping[str, str | None]:
        """Switch *devices*, and return ON or OFF for each; None: it could not be learned."""
        ...

    def jobs(self, before: State, after: State) -> Sequence[Job]:
        """Return what a commit asks for and takes long, none of it begun; in their order."""
        ...

    def after_commit(self, before: State, after: State, report: Callable[[Event], None]) -> None:
        """Bring the hosts in line with a commit; *report* what happened, as it becomes known."""
        ...

    def apply(self, devices: Sequence[str], report: Callable[[Event], None]) -> None:
        """Bring *devices* what they missed while they were away: files, and services that start."""
        ...

    def plan(self, before: State, after: State) -> Sequence[str]:
        """Return what a commit would do to hosts: lines that name nodes, files, keys, services."""
        ...

    def drift(self, devices: Sequence[str]) -> Sequence[Drift]:
        """Return what on *devices* is not as the state says."""
        ...

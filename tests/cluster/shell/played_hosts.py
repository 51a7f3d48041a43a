# SPDX-License-Identifier: Apache-2.0
"""Hosts that are played: they hold the states of services, and say what was done to them."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from ibstack.cluster.model.inheritance import effective_services
from ibstack.cluster.model.state import State
from ibstack.cluster.rollout.backend import DeviceStatus, Drift, HostService, PowerAction
from ibstack.cluster.rollout.events import Event
from ibstack.transport.apply_request import ServiceAction

DONE = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "reload": "reloaded",
    "reset": "reset",
}


class PlayedJob:
    """A job that is as far as it is let: it ends when *go* is set."""

    def __init__(self, name: str, now: datetime, trouble: BaseException | None = None) -> None:
        self.go = threading.Event()
        self.apart: bool | None = None
        self._name = name
        self._now = now
        self._trouble = trouble

    def __str__(self) -> str:
        return f"copy {self._name}"

    def run(self, report: Callable[[Event], None], *, own_process_group: bool = False) -> None:
        self.apart = own_process_group
        assert self.go.wait(60)
        if self._trouble is not None:
            raise self._trouble
        report(Event(self._now, "notice", "headnode", f"Copied: {self._name}"))

    def percent(self) -> int | None:
        return 40


class PlayedHosts:
    """The hosts of a state, all of them up but those in *away*."""

    def __init__(self, state: State, now: datetime, away: Sequence[str] = ()) -> None:
        self.now = now
        self.away = set(away)
        self.services: dict[tuple[str, str], str] = {}
        self.asked: list[PlayedJob] = []
        """What the next commit asks for."""
        self.flags: dict[str, tuple[str, ...]] = {}
        self._follow(state)

    def status(self, devices: Sequence[str]) -> Mapping[str, DeviceStatus]:
        return {
            name: DeviceStatus("DOWN" if name in self.away else "UP", self.flags.get(name, ()))
            for name in devices
        }

    def service_states(self, services: Collection[HostService]) -> Mapping[HostService, str | None]:
        return {
            each: None if each[0] in self.away else self.services.get(each, "DOWN")
            for each in services
        }

    def service(
        self, services: Collection[HostService], action: ServiceAction
    ) -> tuple[Sequence[Event], Mapping[HostService, str]]:
        away = {
            (device, name): f"cannot {action} {name} on {device}: it is down;"
            " try again when it is up"
            for device, name in services
            if device in self.away
        }
        done = [each for each in services if each not in away]
        self.services.update(dict.fromkeys(done, "STOPPED" if action == "stop" else "UP"))
        return [
            self._event(host, f"Service {name} was {DONE[action]}") for host, name in done
        ], away

    def reboot(self, devices: Sequence[str]) -> Sequence[Event]:
        for name in devices:
            self.flags.pop(name, None)
        return [self._event(name, "Reboot was asked for") for name in devices]

    def power(self, devices: Sequence[str], action: PowerAction) -> Mapping[str, str | None]:
        if action in ("on", "off"):
            self.away = self.away - set(devices) if action == "on" else self.away | set(devices)
        return {name: "OFF" if name in self.away else "ON" for name in devices}

    def jobs(self, before: State, after: State) -> Sequence[PlayedJob]:
        asked, self.asked = self.asked, []
        return asked

    def after_commit(self, before: State, after: State, report: Callable[[Event], None]) -> None:
        for device, name in self._follow(after):
            report(self._event(device, f"Service {name} was started"))

    def apply(self, devices: Sequence[str], report: Callable[[Event], None]) -> None:
        for name in devices:
            report(self._event(name, "Files were brought"))

    def plan(self, before: State, after: State) -> Sequence[str]:
        wanted = self._wanted(after) - self._wanted(before)
        return [f"{device}: start {name}" for device, name in sorted(wanted)]

    def drift(self, devices: Sequence[str]) -> Sequence[Drift]:
        return [
            Drift(device, f"service {name}", "UP", state)
            for (device, name), state in sorted(self.services.items())
            if device in devices and state != "UP"
        ]

    def _follow(self, state: State) -> list[tuple[str, str]]:
        started = sorted(self._wanted(state) - self.services.keys())
        self.services.update(dict.fromkeys(started, "UP"))
        return started

    def _wanted(self, state: State) -> set[tuple[str, str]]:
        return {
            (device, service.name)
            for device in state.names("device")
            for service in effective_services(state, device).values()
            if service.values["autostart"].value
        }

    def _event(self, device: str, text: str) -> Event:
        return Event(self.now, "notice", device, text)

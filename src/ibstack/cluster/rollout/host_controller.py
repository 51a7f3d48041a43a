# SPDX-License-Identifier: Apache-2.0
"""A shell's way to the hosts: what commits bring to them, what they are asked and told to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.fill_secrets import Secrets
from ibstack.cluster.model.base_partition import head_node
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective_services, frozen_files
from ibstack.cluster.model.state import Change
from ibstack.cluster.rollout.apply_rounds import ApplyRounds
from ibstack.cluster.rollout.backend import DeviceStatus, Drift
from ibstack.cluster.rollout.events import Events
from ibstack.cluster.rollout.group_files import write_groups
from ibstack.cluster.rollout.host_changes import HostChange, host_changes
from ibstack.cluster.rollout.host_drift import drift_query, host_drift
from ibstack.cluster.rollout.host_work import PAST, RESTART_REQUIRED, change_query, planned, work_on
from ibstack.cluster.rollout.image_copies import ImageController
from ibstack.cluster.rollout.installation import installations
from ibstack.fabric.errors import IbstackError, Refused, TryLater
from ibstack.fabric.printable import printable
from ibstack.formats.nodeset import folded
from ibstack.transport.apply_request import ApplyRequest, ServiceRequest
from ibstack.transport.host_state import UP
from ibstack.transport.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from ibstack.cluster.model.state import State
    from ibstack.cluster.rollout.backend import HostService, Job, PowerAction
    from ibstack.cluster.rollout.events import Event
    from ibstack.cluster.rollout.host_work import HostWork
    from ibstack.cluster.rollout.hosts import Hosts, Installation
    from ibstack.cluster.rollout.settings import Settings
    from ibstack.cluster.store.store import Store
    from ibstack.transport.apply_request import ServiceAction
    from ibstack.transport.query import Observation

_INSTALLER: Final = "installer"


class HostController:
    """Implements HostBackend on a store and on hosts."""

    def __init__(
        self,
        store: Store,
        hosts: Hosts,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._settings = settings
        self._now = now
        self._images = ImageController(settings.images, now)
        self._state: State | None = None

    # -- What they are

    def status(self, devices: Sequence[str]) -> Mapping[str, DeviceStatus]:
        seen = self._hosts.query(dict.fromkeys(devices, Query((RESTART_REQUIRED,))))
        return {
            name: DeviceStatus(each.state or "UNKNOWN", _flags(each))
            for name, each in seen.items()
            if each.state is not None or each.flags
        }

    def service_states(self, services: Collection[HostService]) -> Mapping[HostService, str | None]:
        names = _grouped(services)
        seen = self._hosts.query({host: Query((), tuple(each)) for host, each in names.items()})
        operator_stopped = self._store.operator_stopped()

        def state(host: str, name: str) -> str | None:
            found = seen[host].services.get(name)
            return (
                "STOPPED" if found not in (UP, None) and (host, name) in operator_stopped else found
            )

        return {each: state(*each) for each in services}

    def drift(self, devices: Sequence[str]) -> Sequence[Drift]:
        operator_stopped = self._store.operator_stopped()
        state = self._load()
        wanted = self._installations(state, devices, operator_stopped)
        seen = self._hosts.query({each.host: drift_query(each) for each in wanted})
        head = head_node(state)
        images = {each.image: None for each in wanted if each.image}
        if head in devices:
            images = dict.fromkeys(state.names("softwareimage"))
        found = [*self._images.drift(state, [*images], head)]
        return [*found, *(one for each in wanted for one in host_drift(each, seen[each.host]))]

    # -- What they are told to do

    def service(
        self, services: Collection[HostService], action: ServiceAction
    ) -> tuple[Sequence[Event], Mapping[HostService, str]]:
        requests = {
            host: ApplyRequest(
                (), tuple(self._service_request(host, name, action) for name in names)
            )
            for host, names in _grouped(services).items()
        }
        events = Events(self._now)
        failed: dict[tuple[str, str], list[str]] = {}
        for host, done in self._hosts.apply(requests).items():
            for index, each in enumerate(requests[host].services):
                why = done.failed or done.services[index]
                if why:
                    failed.setdefault((each.name, why), []).append(host)
                else:
                    events.add(host, f"Service {each.name} was {PAST[action]}")
        return events.folded_events(), {
            (host, name): f"cannot {action} {name} on {folded(hosts)}: {why}"
            for (name, why), hosts in failed.items()
            for host in hosts
        }

    def _service_request(self, host: str, name: str, action: ServiceAction) -> ServiceRequest:
        """Return the order; what an operator stops stays so when the host starts again."""
        service = effective_services(self._load(), host).get(name)
        known = service is not None and bool(service.values["autostart"].value)
        at_boot = {"start": True, "restart": True, "stop": False}.get(action) if known else None
        return ServiceRequest(name, action, at_boot)

    def reboot(self, devices: Sequence[str]) -> Sequence[Event]:
        states = self._hosts.states(devices)
        up = [name for name in devices if states.get(name) == UP]
        away = [name for name in devices if name not in up]
        if devices and not up:
            raise TryLater(f"cannot reboot {folded(away)}: not up; power on starts what is down")
        events = Events(self._now)
        for name in away:
            events.add(name, "Reboot: not up; power on starts what is down", "error")
        unready = self._unready(up)
        for name, why in unready.items():
            events.add(name, f"Reboot: {why}", "error")
        self._start([name for name in up if name not in unready], events)
        return events.folded_events()

    def power(self, devices: Sequence[str], action: PowerAction) -> Mapping[str, str | None]:
        if action != "status" and not self._hosts.installs:
            raise Refused(
                f"cannot switch the power of {folded(devices)}: hosts are reached by ssh only;"
                " use what manages their power"
            )
        states = self._hosts.states(devices)
        off = [name for name in devices if action == "reset" or states.get(name) == "DOWN"]
        if action in ("on", "reset"):
            # Before anything is switched off that could not start again.
            unready = self._unready(off).items()
            for why, hosts in _grouped((why, host) for host, why in unready).items():
                raise TryLater(f"cannot power {action} {folded(hosts)}: {why}")
        if action in ("off", "reset"):
            self._hosts.switch_off(devices)
        if action in ("on", "reset"):
            events = Events(self._now)
            self._start(off, events)
            for event in events.folded_events():
                if event.severity == "error":
                    raise IbstackError(f"cannot power {action} {event.host}: {event.text}")
        states = self._hosts.states(devices)
        # A host that does not answer may well have power.
        down = "OFF" if self._hosts.installs else None
        known = {name: down if state == "DOWN" else "ON" for name, state in states.items()}
        return {name: known.get(name) for name in devices}

    def _unready(self, devices: Sequence[str]) -> dict[str, str]:
        if not self._hosts.installs:
            return {}
        wanted = installations(self._load(), devices, frozenset(), self._settings.images)
        return self._images.unready(wanted)

    def _start(self, devices: Sequence[str], events: Events) -> None:
        state = self._load()
        started = []
        operator_stopped = self._store.operator_stopped()
        wanted = self._installations(state, devices, operator_stopped)
        if not self._hosts.installs:
            # Nobody installs them, so what they missed is brought before.
            self._apply_missed(
                devices,
                lambda event: events.add(event.host, event.text, event.severity),
                services=False,
            )
        installed = {each.host for each in wanted if each.mode and self._hosts.installs}
        for host, step in self._hosts.start(wanted):
            events.add(host, step.text, step.severity)
            if step.text == UP and host in installed:
                started.append(host)
        self._clear_next_mode(started)

    def _clear_next_mode(self, devices: Iterable[str]) -> None:
        """Commit that a mode that was asked for once was used."""
        state = self._load()
        changes = []
        for name in devices:
            path = EntityPath.of("device", name)
            device = state.get(path)
            if device is not None and "nextinstallmode" in device.values:
                changes.append(Change(path, device, device.without_value("nextinstallmode")))
        if changes:
            self._state = self._store.commit(changes, base=state, author=_INSTALLER)

    # -- What commits bring

    def plan(self, before: State, after: State) -> Sequence[str]:
        copies = self._images.planned(before, after)
        works = self._host_works(host_changes(before, after), after)
        lines = _grouped((printable(line), work.host) for work in works for line in planned(work))
        return [*copies, *(f"{folded(hosts)}: {line}" for line, hosts in lines.items())]

    def jobs(self, before: State, after: State) -> Sequence[Job]:
        return self._images.jobs(before, after, head_node(after))

    def after_commit(self, before: State, after: State, report: Callable[[Event], None]) -> None:
        events = Events(self._now)
        self._remember(after)

        def decide(state: State, of: Collection[str] | None) -> list[HostWork]:
            changes = host_changes(before, state)
            return self._host_works(
                [each for each in changes if of is None or each.host in of], state
            )

        ApplyRounds(self._hosts, decide, self._load, events, report).run()
        after = self._load()
        for event in write_groups(after, self._settings, self._now):
            for text, severity in event.messages():
                events.add(head_node(after), text, severity)
        for each in events.folded_events():
            report(each)

    def apply(self, devices: Sequence[str], report: Callable[[Event], None]) -> None:
        state = self._load()
        for job in self._images.jobs(state, state, head_node(state)):
            job.run(report)
        self._apply_missed(devices, report, services=True)

    def _apply_missed(
        self, devices: Sequence[str], report: Callable[[Event], None], *, services: bool
    ) -> None:
        """Bring the files that hosts may have missed, and (*services*) start what is to run."""

        def decide(state: State, of: Collection[str] | None) -> list[HostWork]:
            names = [name for name in devices if of is None or name in of]
            wanted = installations(
                state, names, self._store.operator_stopped(), self._settings.images
            )
            missed = [
                HostChange(each.host, each.files, {}, each.autostart if services else ())
                for each in wanted
            ]
            return self._host_works(missed, state)

        ApplyRounds(self._hosts, decide, self._load, Events(self._now), report).run()

    def _host_works(self, changes: Sequence[HostChange], after: State) -> list[HostWork]:
        """Ask all hosts at once for what their changes meet, and decide."""
        if not changes:
            return []
        secrets = Secrets()
        changes = [replace(each, files=secrets.fill(each.files)) for each in changes]
        seen = self._hosts.query({change.host: change_query(change) for change in changes})
        operator_stopped = self._store.operator_stopped()

        def decided(change: HostChange) -> HostWork:
            frozen = [entry for _, entry in frozen_files(after, change.host)]
            return work_on(change, seen[change.host], frozen, operator_stopped)

        return [decided(change) for change in changes]

    # -- The rest

    def _installations(
        self, state: State, devices: Sequence[str], operator_stopped: frozenset[tuple[str, str]]
    ) -> list[Installation]:
        """Return what devices are started from, their files with the secrets in them."""
        secrets = Secrets()
        found = installations(state, devices, operator_stopped, self._settings.images)
        return [replace(each, files=secrets.fill(each.files)) for each in found]

    def _load(self) -> State:
        self._state = self._store.load(self._state)
        return self._state

    def _remember(self, state: State) -> None:
        """Know *state*, so that it is not read whole."""
        if self._state is None or self._state.revision < state.revision:
            self._state = state


def _flags(seen: Observation) -> tuple[str, ...]:
    if seen.up and seen.files.contents.get(RESTART_REQUIRED) is not None:
        return (*seen.flags, "restart-required")
    return seen.flags


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what goes with each first one, in the order in which it came."""
    found: dict[str, list[str]] = {}
    for first, second in pairs:
        found.setdefault(first, []).append(second)
    return found

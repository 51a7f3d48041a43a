# SPDX-License-Identifier: Apache-2.0
"""What a commit changes on hosts: files, services, and what only a restart brings.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render import files_of_all
from ibstack.cluster.model.device import HEAD, NODEGROUP, NODES
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective, effective_services
from ibstack.formats.nodeset import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import State, View
    from ibstack.cluster.model.value import Value

Files = dict["PurePosixPath", "GeneratedFile"]

# What nothing follows from before the next installation: a commit of these looks at no host.
_INERT: Final = frozenset(
    {"notes", "revision", "nextinstallmode", "installmode", "newnodeinstallmode", "datanode"}
    | {"initializescript", "finalizescript", "disksetup", "installbootrecord", "originalimage"}
    | {"excludelistfullinstall", "excludelistsyncinstall", "excludelistupdate"}
    | {"excludelistgrab", "excludelistgrabnew", "excludelistmanipulatescript"}
)
_OF_NODES: Final = (("softwareimage", "software image"), ("kernelparameters", "kernel parameters"))
_ADDRESSING: Final = ("ip", "network", "mac")
# What concerns the hosts that it names, and the groups' file on head nodes.
_OF_SOME: Final = frozenset({"device", NODEGROUP.name})


@dataclass(frozen=True, slots=True)
class HostChange:
    """What one host gets."""

    host: str
    files: Mapping[PurePosixPath, GeneratedFile]
    """Those that are new or differ."""
    gone: Mapping[PurePosixPath, GeneratedFile]
    """Those that are not generated any more."""
    start: tuple[str, ...] = ()
    """Services that have autostart now, and had not."""
    stop: tuple[str, ...] = ()
    """Services that had autostart, and are removed."""
    restart: tuple[str, ...] = ()
    """What of it a restart brings, and nothing less."""

    def __bool__(self) -> bool:
        return bool(self.files or self.gone or self.start or self.stop or self.restart)


def host_changes(before: State, after: State) -> list[HostChange]:
    """Return what each host gets, in the order of hosts; a host with nothing is not in it."""
    hosts = _affected(before, after)
    if not hosts:
        return []
    earlier = _SideOfCommit(before, hosts)
    later = _SideOfCommit(after, hosts)
    changes = (_change(host, earlier, later) for host in hosts)
    return [change for change in changes if change]


def _affected(before: State, after: State) -> list[str]:
    """Return the devices of *after* that a commit may mean something to."""
    changed = set(_changed(before, after))
    if not changed:
        return []
    everybody = after.names("device")
    if any(path.kind not in _OF_SOME for path in changed):
        return everybody
    names = {path.name for path in changed if path.kind == "device"}
    if not names:
        return [name for name in everybody if _is_head(after, name)]
    # Partitions are about the ports of some devices.
    return [name for name in everybody if name in names or _depends_on_others(after, name)]


def _is_head(view: View, name: str) -> bool:
    device = view.get(EntityPath.of("device", name))
    return device is not None and device.type == HEAD


def _depends_on_others(view: View, name: str) -> bool:
    path = EntityPath.of("device", name)
    device = view.get(path)
    if device is None or device.type == HEAD:
        return True
    category = EntityPath.of("category", device.text("category"))
    owners = (path, category)
    if any(view.get(owner.inside("roles", "subnetmanager")) for owner in owners):
        return True
    return any(name in each.words("subnetmanagers") for each in view.children(None, ("fabric",)))


def _changed(before: State, after: State) -> Iterator[EntityPath]:
    """Yield the objects of the top level in which more differs than is inert."""
    for entity in after:
        earlier = before.get(entity.path)
        if earlier is not entity and (earlier is None or _differ(earlier, entity)):
            yield entity.path.top
    for entity in before:
        if after.get(entity.path) is None:
            yield entity.path.top


def _differ(one: Entity, other: Entity) -> bool:
    if one.type != other.type:
        return True
    names = one.values.keys() | other.values.keys()
    return any(one.values.get(name) != other.values.get(name) for name in names - _INERT)


def _change(host: str, before: _SideOfCommit, after: _SideOfCommit) -> HostChange:
    earlier, later = before.files.get(host, {}), after.files.get(host, {})
    running, wanted = before.services(host), after.services(host)
    reasons: tuple[str, ...] = ()
    if host in before.files:
        facts = before.facts(host)
        reasons = tuple(
            what for what, value in after.facts(host).items() if facts.get(what, value) != value
        )
    return HostChange(
        host,
        {path: file for path, file in later.items() if earlier.get(path) != file},
        {path: file for path, file in earlier.items() if path not in later},
        tuple(name for name, auto in wanted.items() if auto and not running.get(name)),
        tuple(name for name, auto in running.items() if auto and name not in wanted),
        reasons,
    )


class _SideOfCommit:
    """What hosts have by one state; what follows from categories is asked once for each."""

    def __init__(self, view: View, hosts: Iterable[str]) -> None:
        self._view = view
        there = [host for host in hosts if view.get(EntityPath.of("device", host)) is not None]
        self.files: dict[str, Files] = dict(files_of_all(view, there))
        self._services: dict[str, dict[str, bool]] = {}
        self._values: dict[tuple[str, str], Value] = {}

    def services(self, host: str) -> dict[str, bool]:
        """Return the host's services, and whether each has autostart."""
        if host not in self.files:
            return {}
        path = EntityPath.of("device", host)
        if self._view.names("services", path):
            return self._asked(host)
        category = self._category(path)
        if category not in self._services:
            self._services[category] = self._asked(host)
        return self._services[category]

    def facts(self, host: str) -> dict[str, object]:
        """Return what only a restart brings to a host."""
        path = EntityPath.of("device", host)
        device = self._view.get(path)
        assert device is not None, "asked for hosts that are there only"
        interfaces = self._view.children(path, ("interfaces",))
        facts: dict[str, object] = {
            "network": (
                [device.values.get(name) for name in _ADDRESSING],
                [(each.name, each.type, _without_inert(each)) for each in interfaces],
            )
        }
        if device.type in NODES:
            facts["category"] = self._category(path)
            facts |= {label: self._value(path, device, name) for name, label in _OF_NODES}
        return facts

    def _value(self, path: EntityPath, device: Entity, name: str) -> Value:
        category = self._category(path)
        if not category or not {name, "softwareimage"}.isdisjoint(device.values):
            return effective(self._view, path, name).value
        if (category, name) not in self._values:
            self._values[category, name] = effective(self._view, path, name).value
        return self._values[category, name]

    def _category(self, path: EntityPath) -> str:
        device = self._view.get(path)
        return device.text("category") if device else ""

    def _asked(self, host: str) -> dict[str, bool]:
        found = effective_services(self._view, host)
        return {name: bool(each.values["autostart"].value) for name, each in found.items()}


def _without_inert(entity: Entity) -> dict[str, Value]:
    return {name: value for name, value in entity.values.items() if name not in _INERT}


_NOT_LOOKED_AT: Final = (
    "Hosts were not looked at, for no way to them is set ([hosts] reach): what they have now may"
    " differ from what was committed last"
)


def planned_unseen(before: State, after: State) -> list[str]:
    """Return a line for each thing that hosts would get; none where no host gets anything."""
    lines: dict[str, list[str]] = {}
    for change in host_changes(before, after):
        for line in _planned(change):
            lines.setdefault(line, []).append(change.host)
    found = [f"{folded(hosts)}: {line}" for line, hosts in lines.items()]
    return [*found, _NOT_LOOKED_AT] if found else []


def _planned(change: HostChange) -> Iterator[str]:
    readers: dict[str, None] = {}
    reasons = list(change.restart)
    for path, file in change.files.items():
        yield f"write {path}"
        readers |= dict.fromkeys(file.services)
        if file.needs_reboot:
            reasons.append(str(path))
    for path, file in change.gone.items():
        if not file.stays:
            yield f"remove {path}"
            readers |= dict.fromkeys(file.services)
    yield from (f"stop {name}" for name in change.stop)
    yield from (f"restart {name}, where it runs" for name in readers if name not in change.stop)
    yield from (f"start {name}" for name in change.start)
    if reasons:
        yield f"restart-required: {', '.join(reasons)}"

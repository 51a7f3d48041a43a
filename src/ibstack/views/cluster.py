# SPDX-License-Identifier: Apache-2.0
"""A cluster at hand: its store, what reaches its hosts, and what is done with both together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.settings import PATH, Settings, read_settings, settings_path
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ibstack.cluster.model.state import Change, State
    from ibstack.cluster.rollout.backend import Drift, HostBackend
    from ibstack.cluster.rollout.events import Event
    from ibstack.cluster.store.store import Store

SETTINGS: Final = PATH
"""The usual file of settings."""

# What a shell imports here is what it needs at its start: the rest is imported where it is used.


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is at hand."""

    store: Store
    hosts: HostBackend | None
    """None: its hosts are not reached from here."""

    def reached(self, doing: str) -> HostBackend:
        """Return what reaches the hosts; Refused, for *doing*, where nothing does."""
        if self.hosts is None:
            raise Refused(
                f"cannot {doing}: hosts are not reached from here;"
                " set [hosts] reach in the settings"
            )
        return self.hosts


def settings_of(store: str | None, config: Path | None) -> Settings:
    """Return the settings that count.

    *store*: the URL of a store in place of the settings' one.  *config*: the settings' file; None:
    the environment's or the usual one.
    """
    if store is None:
        return read_settings(settings_path(config))
    # Another store is another cluster: the settings' hosts must not get what is committed there.
    return replace(read_settings(config) if config else Settings(), store=store)


def open_cluster(store: str | None, config: Path | None) -> Cluster:
    """Return the cluster that a store's URL and a file of settings mean: see settings_of()."""
    from ibstack.cluster.rollout.open_hosts import open_backend
    from ibstack.cluster.store.store import open_store

    settings = settings_of(store, config)
    opened = open_store(settings.store)
    return Cluster(opened, open_backend(settings, opened))


def devices_named(state: State, names: Sequence[str], doing: str) -> list[str]:
    """Return the devices as they are spelled; BadInput, for *doing*, where there is none such."""
    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.model.naming import find_name, the_object

    found = [find_name(state, "device", name) or name for name in names]
    for name in found:
        the_object(state, EntityPath.of("device", name), doing)
    return found


def host_lines(cluster: Cluster, present: State, changes: Sequence[Change]) -> Sequence[str]:
    """Return what a commit of *changes* would do to hosts, a line for each thing."""
    from ibstack.cluster.rollout.host_changes import planned_unseen

    plan = cluster.hosts.plan if cluster.hosts is not None else planned_unseen
    return plan(present, present.with_changes(changes, present.revision + 1))


def follow(cluster: Cluster, before: State, after: State, tell: Callable[[Event], None]) -> bool:
    """Let the hosts follow a commit, and *tell* what happens; False where one of them could not."""
    heard = _Heard(tell)
    if cluster.hosts is not None:
        for job in cluster.hosts.jobs(before, after):
            job.run(heard)
        cluster.hosts.after_commit(before, after, heard)
    return not heard.failed


def bring(cluster: Cluster, nodes: str, tell: Callable[[Event], None]) -> bool:
    """Bring the nodes of a list what they missed; False where one could not be brought all."""
    from ibstack.cluster.shell.node_list import expand

    hosts = cluster.reached("bring anything to hosts")
    heard = _Heard(tell)
    hosts.apply(devices_named(cluster.store.load(), expand(nodes), "bring anything to"), heard)
    return not heard.failed


def drift(cluster: Cluster, nodes: str | None) -> Sequence[Drift]:
    """Return what on the nodes of a list, or (None) on all devices, is not as the state says."""
    from ibstack.cluster.shell.node_list import expand

    hosts = cluster.reached("look for drift")
    state = cluster.store.load()
    names = expand(nodes) if nodes else state.names("device")
    return hosts.drift(devices_named(state, names, "look for drift on"))


class _Heard:
    """Passes events on, and knows whether one was an error."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self.failed = False

    def __call__(self, event: Event) -> None:
        self.failed = self.failed or event.severity == "error"
        self._tell(event)

# SPDX-License-Identifier: Apache-2.0
"""The article's cluster on hosts that are folders, with a shell that reaches them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ibstack.cluster.model.state import Change, Draft, State, View
from ibstack.cluster.rollout.host_controller import HostController
from ibstack.cluster.rollout.settings import Settings
from ibstack.cluster.rollout.tree import TreeHosts
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import Store, open_store
from ibstack.transport.host_state import Running
from ibstack.transport.query import Query

NOW = datetime(2014, 10, 17, 8, 42, 9, tzinfo=UTC)
IMAGES = ("openstack-image", "virtual-node-image")


@dataclass
class TreeCluster:
    """A shell, its store and its hosts."""

    folder: Path
    store: Store
    hosts: TreeHosts
    reach: HostController
    session: Session
    out: io.StringIO

    def type(self, *lines: str) -> str:
        """Type lines, and return what they print."""
        start = len(self.out.getvalue())
        for line in lines:
            self.session.run(line)
        return self.out.getvalue()[start:]

    def service_state(self, host: str, service: str) -> str | None:
        return self.reach.service_states([(host, service)])[host, service]

    def running(self, host: str) -> Running:
        return self.hosts.query({host: Query(running=True)})[host].running

    def root(self, host: str) -> Path:
        return self.folder / "hosts" / host / "root"

    def image(self, name: str) -> Path:
        return self.folder / "images" / "cm" / "images" / name

    def read(self, host: str, path: str) -> str:
        return (self.root(host) / path.lstrip("/")).read_text()


def tree_cluster(folder: Path, state: View, started: Sequence[str]) -> TreeCluster:
    """Return the cluster of *state*, its images made, and of its hosts those *started*."""
    for name in IMAGES:
        place = folder / "images" / "cm" / "images" / name
        (place / "etc").mkdir(parents=True)
        (place / "etc" / "image").write_text(f"{name}\n")
    settings = Settings(images=folder / "images")
    store = open_store(f"sqlite:///{folder / 'cluster.db'}", clock=lambda: NOW)
    base, edits = (state.base, state.changes()) if isinstance(state, Draft) else (state, ())
    changes = [Change(entity.path, None, entity) for entity in base]
    store.commit(changes, base=State(), author="install")
    if edits:
        store.commit(edits, base=store.load(), author="install")
    hosts = TreeHosts(folder / "hosts", lambda: NOW)
    reach = HostController(store, hosts, settings, lambda: NOW)
    reach.power(started, "on")
    out = io.StringIO()
    session = Session(store, COMMANDS, author="root", reach=reach, out=out, clock=lambda: NOW)
    return TreeCluster(folder, store, hosts, reach, session, out)

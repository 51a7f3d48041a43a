# SPDX-License-Identifier: Apache-2.0
"""The hosts that the settings name, and what a shell asks and tells them through."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.cluster.rollout.host_controller import HostController
    from ibstack.cluster.rollout.hosts import Hosts
    from ibstack.cluster.rollout.settings import Settings
    from ibstack.cluster.store.store import Store


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


def open_backend(
    settings: Settings, store: Store, now: Callable[[], datetime] = _now
) -> HostController | None:
    """Return what a shell reaches the hosts through; None where the settings name none."""
    hosts = open_hosts(settings, now)
    if hosts is None:
        return None
    # A shell that reaches no host need not wait for what reaches them.
    from ibstack.cluster.rollout.host_controller import HostController

    return HostController(store, hosts, settings, now)


def open_hosts(settings: Settings, now: Callable[[], datetime] = _now) -> Hosts | None:
    """Return the hosts alone, to be looked at; None where the settings name no way to them."""
    if settings.ssh is not None:
        from ibstack.cluster.rollout.ssh import SshHosts

        return SshHosts(settings.ssh, now, time.sleep, settings.kept)
    if settings.tree is not None:
        from ibstack.cluster.rollout.tree import TreeHosts

        return TreeHosts(settings.tree, now, settings.kept)
    return None

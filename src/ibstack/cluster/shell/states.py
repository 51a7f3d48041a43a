# SPDX-License-Identifier: Apache-2.0
"""How the shell prints the states of devices and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.rollout.backend import DeviceStatus

_WIDTH = 8
_DEVICE_COLUMN = 26
_NODE_COLUMN = 25
_SERVICE_COLUMN = 15


def bracketed(state: str | None) -> str:
    """Return a state as `[   UP   ]`; what is not known as `[UNKNOWN ]`."""
    return f"[{(state or 'UNKNOWN').center(_WIDTH)}]"


def device_line(name: str, status: DeviceStatus | None) -> str:
    """Return what `status` prints of a device."""
    flags = f" {', '.join(status.flags)}" if status and status.flags else ""
    return f"{f'{name} ':.<{_DEVICE_COLUMN}} {bracketed(status.state if status else None)}{flags}"


def service_lines(states: Sequence[tuple[str, str | None]]) -> list[str]:
    """Return what `status` prints of (service, state) pairs of the node that one is at."""
    width = max((_SERVICE_COLUMN, *(len(name) for name, _ in states)))
    return [f"{name:{width}} {bracketed(state)}" for name, state in states]


def node_service_line(node: str, name: str, state: str | None) -> str:
    """Return what `status` prints of a service of one of a category's nodes."""
    return f"{node:.<{_NODE_COLUMN}} {name} {bracketed(state)}"

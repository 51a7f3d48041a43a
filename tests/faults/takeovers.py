# SPDX-License-Identifier: Apache-2.0
"""Who is master, and waiting until the other one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloud_faults import kill_and_restart
from tenant_ports import wait_for

if TYPE_CHECKING:
    from faults.world import World

_TAKES_OVER_WITHIN_S: Final = 15.0


def master_and_other(world: World) -> tuple[str, str]:
    """Return the host whose OpenSM is master, and the other one."""
    wires = world.eyes.wires
    names = [host.name for host in world.cloud.topology.subnet_manager_hosts]
    wait_for("there is a master", lambda: any(map(wires.is_master, names)))
    master = next(filter(wires.is_master, names))
    return master, next(name for name in names if name != master)


def wait_for_the_takeover(world: World, other: str) -> str:
    """Return when the OpenSM of *other* is master; what it returns says what that took."""
    try:
        wait_for(
            f"{other} has taken over",
            lambda: world.eyes.wires.is_master(other),
            _TAKES_OVER_WITHIN_S,
        )
    except AssertionError:
        # On a busy machine ibsim loses an answer that an OpenSM then waits for until it is ended:
        # ibstack_lab.fabric.simulated.
        kill_and_restart(world.cloud, f"opensm-{other}")
        return f"; that of {other} hung and was restarted"
    return ""

# SPDX-License-Identifier: Apache-2.0
"""What a lie holds up, and no longer than it stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from faults.hostile_host import HostileHost, report_as_another
from faults.model import Place
from faults.world import BYSTANDERS
from ibstack_lab.services import accounts
from tenant_ports import TenantPort, wait_for

if TYPE_CHECKING:
    from faults.world import World

_LIES: Final = 20
_EVERY_S: Final = 0.3
_SERVED_WITHIN_S: Final = 30.0


@pytest.mark.timeout(300)  # The cloud starts first.
def test_a_port_that_is_plugged_while_its_host_is_lied_about_is_served_afterwards(
    world: World,
) -> None:
    (name,) = BYSTANDERS
    network = world.cloud.api(accounts.OPERATOR).find("networks", name)
    host = world.cloud.topology.host("node003")
    attempt = report_as_another(HostileHost(world, "node002"), host.name)
    world.attempt(attempt)
    port = TenantPort(world.cloud, network, host, 9)
    guest = world.guest(Place(host.name, port.vf_number))
    port.create_bound()
    try:
        port.plug()
        guest.touch()
        node = host.vf_node(9)
        wait_for("its VF is on the fabric", lambda: node in world.eyes.wires.ports([node]))
        for _ in range(_LIES):  # Some walks and some answers meet it so.
            world.try_again(attempt)
            time.sleep(_EVERY_S)
        assert attempt.is_over
        assert port.status() == "DOWN"
        wait_for(f"{port} is served", port.is_right, _SERVED_WITHIN_S)
    finally:
        guest.unlink(missing_ok=True)
        port.unplug()
        port.delete()

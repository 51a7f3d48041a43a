# SPDX-License-Identifier: Apache-2.0
"""Hosts send management datagrams, guests do not: with them a guest could rewrite the fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack_lab.compute import Compute
from ibstack_lab.services import accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.guests.guest import Guest
    from ibstack_lab.services.neutron_client import Resource

# ibping has its answer from an ibping that serves; smpquery from any port.
COMMANDS = (("ibhosts",), ("ibnetdiscover",), ("smpquery", "nodeinfo", "-D", "0"))
WITHIN_S = 60


@pytest.fixture(params=["node002", "node003"])
def guest(request: pytest.FixtureRequest, cloud: Cloud, red: Resource) -> Iterator[Guest]:
    compute = Compute(cloud)
    machine, _seconds = compute.boot("smi", red["name"], request.param, accounts.DEMO)
    yield compute.guest(machine)
    compute.delete("smi")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_host_may(cloud: Cloud, command: tuple[str, ...]) -> None:
    assert cloud.run_on("head", command) == 0
    assert cloud.run_on("node002", command) == 0


def test_a_guest_may_not(guest: Guest) -> None:
    for command in (*COMMANDS, ("ibping", "1")):
        done = guest.run(command, capture_output=True, timeout=WITHIN_S)

        assert done.returncode != 0, command
        assert "can't open" in done.stderr


def test_a_guest_may_not_even_if_it_brings_what_a_host_uses(cloud: Cloud, guest: Guest) -> None:
    brought = [f"{name}={text}" for name, text in cloud.fabric.attach_env("node002").items()]
    command = ("env", *brought, "timeout", "20", "ibhosts")

    # The simulated wires are in the hosts' namespace, and no guest's.
    assert guest.run(command, capture_output=True, timeout=WITHIN_S).returncode != 0

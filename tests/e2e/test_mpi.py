# SPDX-License-Identifier: Apache-2.0
"""`mpirun` over two guests: Open MPI is Debian's, and what carries it is their partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest

from ibstack.fabric.errors import BadInput, TryLater
from ibstack_lab.compute import Compute
from ibstack_lab.guests import mpi
from ibstack_lab.services import accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.machine import Machine
    from ibstack_lab.services.neutron_client import Resource

Boot: TypeAlias = "Callable[[str, Resource, str], Machine]"


@pytest.fixture
def boot(cloud: Cloud) -> Iterator[Boot]:
    compute, booted = Compute(cloud), []

    def boot_one(name: str, network: Resource, host: str) -> Machine:
        machine, _seconds = compute.boot(name, network["name"], host, accounts.DEMO)
        booted.append(name)
        return machine

    yield boot_one
    for name in booted:
        compute.delete(name)


def test_two_machines_of_one_network_say_hello(cloud: Cloud, red: Resource, boot: Boot) -> None:
    machines = boot("mpi1", red, "node002"), boot("mpi2", red, "node003")
    guests = [Compute(cloud).guest(machine) for machine in machines]

    ranks = mpi.hello(cloud.lab, machines)

    assert [rank.number for rank in ranks] == [0, 1]
    assert [rank.machine for rank in ranks] == ["mpi1", "mpi2"]
    addresses = [guest.wait_for_address() for guest in guests]
    assert [rank.address for rank in ranks] == addresses
    assert [rank.heard for rank in ranks] == addresses[::-1]
    inodes = [
        guest.run(("stat", "-Lc%i", "/proc/self/ns/net"), capture_output=True) for guest in guests
    ]
    assert [str(rank.namespace) for rank in ranks] == [each.stdout.strip() for each in inodes]
    assert len({rank.namespace for rank in ranks}) == len(ranks)


def test_machines_of_two_networks_cannot(
    cloud: Cloud, red: Resource, blue: Resource, boot: Boot
) -> None:
    compute = Compute(cloud)
    machines = boot("mpi1", red, "node002"), boot("mpi2", blue, "node003")
    # It also tells both that the other is on their link: that no route is missing.
    assert not compute.guest(machines[0]).reaches(compute.guest(machines[1]))

    with pytest.raises(TryLater, match="cannot run an MPI job on mpi1 and mpi2") as refused:
        mpi.hello(cloud.lab, machines, within_s=30)
    assert "unable to complete a TCP connection" in str(refused.value)
    assert not list(cloud.lab.pid_files.glob("mpi-*"))


def test_one_machine_is_no_job(cloud: Cloud, red: Resource, boot: Boot) -> None:
    machine = boot("mpi1", red, "node002")

    with pytest.raises(BadInput, match="cannot run an MPI job on mpi1 alone"):
        mpi.hello(cloud.lab, (machine, machine))

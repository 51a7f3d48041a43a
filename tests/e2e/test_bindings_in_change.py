# SPDX-License-Identifier: Apache-2.0
"""What nova does to bindings while guests run, and VFs that it never takes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from guest_fleet import Fleet
from ibstack.fabric.errors import BadInput, CommandFailed
from ibstack.fabric.pci import PciAddress
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack_lab.compute import Compute
from ibstack_lab.hosts import hardware
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.services import accounts
from tenant_ports import TenantPort, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.machine import Machine
    from ibstack_lab.services.neutron_client import Resource

MLX4, MLX5 = "node002", "node003"
PINGS: Final = 300
FAILS_WITHIN_S: Final = 30.0
"""nova would wait for 300 s, ebrctl by itself for 60."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def fleet(cloud: Cloud) -> Iterator[Fleet]:
    fleet = Fleet(cloud)
    yield fleet
    fleet.remove()


def states(cloud: Cloud, host: str) -> dict[str, str]:
    """Return the state of each attachment of *host*, by VF."""
    attachments = EswitchClient(eswitchd_socket(cloud.lab, host)).read().attachments
    return {str(each.pci): each.state.value for each in attachments}


def test_a_guest_loses_no_packet_while_its_binding_profile_changes(
    cloud: Cloud, fleet: Fleet
) -> None:
    network = fleet.network(0x301)
    pair = fleet.boot((network, MLX4), (network, MLX5))
    fleet.wait_until_heard(fleet.pairs())
    nova = cloud.api(accounts.NOVA)
    ping = ("ping", "-q", "-i0.05", f"-c{PINGS}", pair[1].fixed)

    with ThreadPoolExecutor(1) as pool:
        pinging = pool.submit(pair[0].guest.run, ping, capture_output=True)
        notes = 0
        while not pinging.done():
            for member in pair:
                profile = nova.show("ports", member.machine.port_id)["binding:profile"]
                changed = {**profile, "note": str(notes)}
                nova.update("ports", member.machine.port_id, **{"binding:profile": changed})
            notes += 1
        said = pinging.result().stdout

    assert notes
    assert f"{PINGS} packets transmitted, {PINGS} received" in said
    ids = {member.machine.port_id for member in pair}
    wait_for(
        "both are ACTIVE again",
        lambda: all(nova.show("ports", each)["status"] == "ACTIVE" for each in ids),
    )


@pytest.mark.parametrize("host", [MLX4, MLX5])
def test_a_vf_of_a_server_deleted_while_its_host_was_away_goes_to_the_next(
    cloud: Cloud, red: Resource, blue: Resource, host: str
) -> None:
    place = cloud.topology.host(host)
    former, latter = (TenantPort(cloud, network, place, 12) for network in (red, blue))
    former.create_bound()
    former.plug()
    former.wait_until_right()

    former.delete()
    wait_for("it is named", lambda: states(cloud, host).get(str(former.pci)) == "left")
    assert former.observed_vf().entry is None

    latter.create_bound()
    latter.plug()
    latter.wait_until_right()
    assert states(cloud, host) == {str(latter.pci): "programmed"}
    assert latter.observed_vf().guid == latter.guid
    latter.unplug()
    latter.delete()


@pytest.mark.parametrize("host", [MLX4, MLX5])
def test_a_boot_fails_at_once_where_the_deleted_server_still_runs(
    cloud: Cloud, red: Resource, host: str
) -> None:
    compute = Compute(cloud)
    old, _ = compute.boot("old", "red", host, accounts.OPERATOR)
    cloud.api(accounts.NOVA).delete("ports", old.port_id)
    began = time.monotonic()

    with pytest.raises(CommandFailed, match=f"a guest still has VF {old.pci}"):
        compute.boot("new", "red", host, accounts.OPERATOR)

    assert time.monotonic() - began < FAILS_WITHIN_S
    assert states(cloud, host) == {old.pci: "left"}
    end(cloud, compute, old)
    new, _ = compute.boot("new", "red", host, accounts.OPERATOR)
    assert new.pci == old.pci
    compute.delete("new")


@pytest.mark.parametrize("host", [MLX4, MLX5])
def test_a_machine_whose_port_its_tenant_deleted_is_still_there_to_be_deleted(
    cloud: Cloud, red: Resource, host: str
) -> None:
    compute = Compute(cloud)
    old, _ = compute.boot("old", "red", host, accounts.OPERATOR)
    cloud.api(accounts.NOVA).delete("ports", old.port_id)

    with pytest.raises(BadInput, match="there is a machine or a host of that name"):
        compute.boot("old", "red", host, accounts.OPERATOR)
    assert compute.delete("old").pci == old.pci

    with pytest.raises(BadInput, match="cannot find machine 'old'"):
        compute.delete("old")
    new, _ = compute.boot("old", "red", host, accounts.OPERATOR)
    assert new.pci == old.pci
    compute.delete("old")


def end(cloud: Cloud, compute: Compute, machine: Machine) -> None:
    """End the guest of a server that is deleted, as nova's reaper does."""
    compute.guest(machine).stop()
    folder = cloud.lab.host(machine.host)
    pci = PciAddress.parse(machine.pci)
    hardware.guest_marker(folder, pci).unlink()
    enable = folder / "sys/bus/pci/devices" / machine.pci / "enable"
    wait_for("the VF is closed", lambda: enable.read_text().strip() == "0")

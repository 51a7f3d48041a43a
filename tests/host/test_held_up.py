# SPDX-License-Identifier: Apache-2.0
"""A VF that was never detached: who gets it next, and when."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import Refused
from ibstack.fabric.guid import Guid
from ibstack.formats.codec import from_json, to_json
from ibstack.host.client.observed import AttachmentState, Link, ObservedHost
from ibstack.host.eswitchd.attachment_state import FREED_AFTER_S
from ibstack.host.eswitchd.attachments import Attachments
from ibstack.host.eswitchd.eswitch import Eswitch
from one_adapter import BLUE, MACS, RED, OneAdapter
from one_host import eventually

if TYPE_CHECKING:
    from ibstack.host.client.observed import ObservedAttachment

NET = "ibhostnet"
MAC, OTHER = MACS[0], MACS[1]
ONE, TWO = "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10", "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f11"
LEFT, PENDING = AttachmentState.LEFT, AttachmentState.PENDING


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def left(one: OneAdapter, clock: Clock | None = None) -> Eswitch:
    """Return an eswitch whose VF 1 was programmed for MAC, and then lost its port."""
    attachments = Attachments(one.folder / "state")
    eswitch = Eswitch(one.adapters(), attachments, clock=clock or Clock())
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True, instance=ONE)
    assert eswitch.disown(one.pci(1), MAC, left=True) > 0
    return eswitch


def only(eswitch: Eswitch) -> ObservedAttachment:
    (found,) = eswitch.read().attachments
    return found


def is_off(eswitch: Eswitch, number: int) -> bool:
    vf = eswitch.read().adapters[0].vfs[number]
    return (vf.entry, vf.link) == (None, Link.DOWN)


def test_a_vf_that_lost_its_port_is_off_and_named(one: OneAdapter) -> None:
    eswitch = left(one)

    assert is_off(eswitch, 1)
    assert (only(eswitch).state, only(eswitch).instance, only(eswitch).served) == (LEFT, ONE, True)
    (problem,) = eswitch.read().problems
    assert problem.startswith(f"VF {one.pci(1)} is still attached to {MAC}: Neutron has no port")
    assert f"instance {ONE}" in problem
    assert from_json(ObservedHost, to_json(eswitch.read())) == eswitch.read()
    assert one.start().read().attachments == eswitch.read().attachments, "after a restart too"
    assert eswitch.disown(one.pci(1), MAC, left=True) == 0


def test_a_plug_whose_port_is_yet_to_come_is_never_left_by_itself(one: OneAdapter) -> None:
    clock = Clock()
    eswitch = Eswitch(one.adapters(), Attachments(one.folder / "state"), clock=clock)
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.disown(one.pci(1), MAC, left=False)
    clock.now = 100 * FREED_AFTER_S
    eswitch.reconcile()

    assert (only(eswitch).state, only(eswitch).served) == (PENDING, False)
    assert "no partition has been configured" in str(only(eswitch).why)


def test_a_left_vf_is_freed_after_the_stated_time(one: OneAdapter) -> None:
    clock = Clock()
    eswitch = left(one, clock)

    for now in (0.0, FREED_AFTER_S - 0.1):
        clock.now = now
        eswitch.reconcile()
        assert only(eswitch).state is LEFT
    clock.now = FREED_AFTER_S
    eswitch.reconcile()

    assert eswitch.read().attachments == ()
    assert eswitch.read().adapters[0].vfs[1].guid is None
    assert eswitch.read().problems == ()


def test_a_left_vf_is_not_freed_while_a_guest_has_it(one: OneAdapter) -> None:
    clock = Clock()
    eswitch = left(one, clock)
    eswitch.reconcile()
    one.hardware.pass_through(1, is_open=True)
    clock.now = 2 * FREED_AFTER_S
    eswitch.reconcile()

    assert only(eswitch).state is LEFT
    assert "a guest still has the VF (driver vfio-pci)" in str(only(eswitch).why)

    one.hardware.pass_through(1, is_open=False)
    eswitch.reconcile()
    assert only(eswitch).state is LEFT, "the time begins anew"
    clock.now = 3 * FREED_AFTER_S
    eswitch.reconcile()
    assert eswitch.read().attachments == ()


def test_a_left_vf_whose_port_is_back_is_served_again(one: OneAdapter) -> None:
    clock = Clock()
    eswitch = left(one, clock)
    eswitch.configure(one.pci(1), MAC, BLUE, link_up=True)
    clock.now = 2 * FREED_AFTER_S
    eswitch.reconcile()

    assert only(eswitch).state is AttachmentState.PROGRAMMED
    assert eswitch.read().problems == ()


def test_a_left_vf_that_is_plugged_again_waits_for_its_port_like_any(one: OneAdapter) -> None:
    clock = Clock()
    eswitch = left(one, clock)
    eswitch.attach(NET, MAC, one.pci(1), 0)
    clock.now = 2 * FREED_AFTER_S
    eswitch.reconcile()

    assert only(eswitch).state is PENDING


@pytest.mark.parametrize(
    ("mac", "number"), [(OTHER, 1), (MAC, 2)], ids=["another MAC", "another VF"]
)
def test_a_left_attachment_gives_way_to_the_next(one: OneAdapter, mac: str, number: int) -> None:
    eswitch = left(one)

    assert eswitch.attach(NET, mac, one.pci(number), 0).state is PENDING

    assert (only(eswitch).mac, only(eswitch).pci) == (mac, one.pci(number))
    assert eswitch.read().adapters[0].vfs[number].guid == Guid.from_mac(mac)
    if number != 1:
        assert eswitch.read().adapters[0].vfs[1].guid is None
    assert is_off(eswitch, number)


def test_both_of_two_give_way_where_both_are_in_the_way(one: OneAdapter) -> None:
    eswitch = left(one)
    eswitch.attach(NET, OTHER, one.pci(2), 0)
    eswitch.configure(one.pci(2), OTHER, BLUE, link_up=True)
    eswitch.disown(one.pci(2), OTHER, left=True)

    eswitch.attach(NET, MAC, one.pci(2), 0)

    assert (only(eswitch).mac, only(eswitch).pci) == (MAC, one.pci(2))
    assert eswitch.read().adapters[0].vfs[1].guid is None


@pytest.mark.parametrize(
    ("mac", "number"),
    [(OTHER, 1), (MAC, 2), (MAC, 1)],
    ids=["another MAC", "another VF", "the same port"],
)
def test_what_a_guest_has_is_refused_at_once_with_who_and_the_remedy(
    one: OneAdapter, mac: str, number: int
) -> None:
    eswitch = left(one)
    one.hardware.pass_through(1, is_open=True)

    with pytest.raises(Refused) as refused:
        eswitch.attach(NET, mac, one.pci(number), 60)

    assert f"a guest still has VF {one.pci(1)} (driver vfio-pci)" in str(refused.value)
    assert f"{MAC} on {NET} for instance {ONE}" in str(refused.value)
    assert "virsh destroy" in str(refused.value)
    assert (only(eswitch).mac, only(eswitch).state) == (MAC, LEFT)
    assert is_off(eswitch, 1)
    (held,) = eswitch.read().held_up
    assert (held.mac, held.pci, held.refused) == (mac, one.pci(number), True)
    eswitch.detach(NET, mac)
    assert eswitch.read().held_up == ()


def test_a_plug_of_a_vf_that_no_guest_has_makes_its_instance_unknown(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True, instance=ONE)

    assert eswitch.attach(NET, MAC, one.pci(1), 0).state is AttachmentState.PROGRAMMED
    assert only(eswitch).instance is None
    assert eswitch.configure(one.pci(1), MAC, RED, link_up=True, instance=TWO) == 0
    assert one.start().read().attachments[0].instance == TWO


def test_a_guest_that_runs_does_not_lose_its_vf_when_nova_plugs_it_again(one: OneAdapter) -> None:
    """As nova-compute does when it starts, and at the end of a live migration."""
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True, instance=ONE)
    one.hardware.pass_through(1, is_open=True)

    assert eswitch.attach(NET, MAC, one.pci(1), 0).state is AttachmentState.PROGRAMMED
    assert (only(eswitch).instance, only(eswitch).guest) == (ONE, "vfio-pci")


def test_a_plug_waits_until_it_is_known_whether_the_other_has_a_port(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    sequence = eswitch.read().sequence
    heard: list[str] = []
    waiting = threading.Thread(
        target=lambda: heard.append(eswitch.attach(NET, OTHER, one.pci(1), 60).mac)
    )
    waiting.start()
    eswitch.watch(sequence, 30)
    (held,) = eswitch.read().held_up
    assert (held.mac, held.refused) == (OTHER, False)

    eswitch.disown(one.pci(1), MAC, left=True)
    eventually(lambda: [each.mac for each in eswitch.read().attachments] == [OTHER])
    eswitch.configure(one.pci(1), OTHER, BLUE, link_up=True)
    waiting.join(30)

    assert heard == [OTHER]
    assert eswitch.read().held_up == ()


def test_a_driver_of_the_host_is_no_guest(one: OneAdapter) -> None:
    find = one.adapters().guest_driver
    assert find(one.pci(1)) is None
    one.hardware.bind(1, "mlx5_core")
    (one.hardware.vf_folder(1) / "enable").write_text("1\n")
    assert find(one.pci(1)) is None
    one.hardware.bind(1, "vfio-pci")
    assert find(one.pci(1)) == "vfio-pci"
    (one.hardware.vf_folder(1) / "enable").write_text("0\n")
    assert find(one.pci(1)) is None, "bound, as after a guest that has ended, and not open"
    (one.hardware.vf_folder(1) / "enable").unlink()
    assert find(one.pci(1)) == "vfio-pci", "what is not known is not free"

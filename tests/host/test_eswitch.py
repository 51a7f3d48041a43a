# SPDX-License-Identifier: Apache-2.0
"""The verbs, and that they can be cut short at any write."""

from __future__ import annotations

import threading
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput, BadValue, Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.formats.eswitchd_conf import Mapping
from ibstack.host.adapters.mapped_adapters import Adapters
from ibstack.host.client.observed import AttachmentState, Link
from ibstack.host.eswitchd.attachments import Attachments
from ibstack.host.eswitchd.eswitch import Eswitch
from one_adapter import ABSENT, BLUE, MACS, RED, Killed, OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.host.client.observed import ObservedAttachment, ObservedVf

NET = "ibhostnet"
MAC, OTHER = MACS[0], MACS[1]
PENDING, PROGRAMMED = AttachmentState.PENDING, AttachmentState.PROGRAMMED


def vf(eswitch: Eswitch, number: int) -> ObservedVf:
    return eswitch.read().adapters[0].vfs[number]


def attachment(eswitch: Eswitch) -> ObservedAttachment:
    (found,) = eswitch.read().attachments
    return found


def test_a_new_attachment_has_its_guid_and_no_partition(one: OneAdapter) -> None:
    eswitch = one.start()
    answer = eswitch.attach(NET, MAC.upper(), one.pci(1), 0)

    assert (answer.state, answer.mac) == (PENDING, MAC)
    assert "no partition has been configured" in str(answer.why)
    seen = vf(eswitch, 1)
    assert (seen.guid, seen.entry, seen.link) == (Guid.from_mac(MAC), None, Link.DOWN)


def test_a_configured_attachment_is_programmed(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)

    assert eswitch.configure(one.pci(1), MAC, RED, link_up=True) > 0
    assert (attachment(eswitch).state, attachment(eswitch).why) == (PROGRAMMED, None)
    assert vf(eswitch, 1).entry == RED
    assert eswitch.configure(one.pci(1), MAC, RED, link_up=True) == 0
    assert eswitch.attach(NET, MAC, one.pci(1), 0).state is PROGRAMMED, (
        "and plugging again is cheap"
    )


@pytest.mark.parametrize(("entry", "link_up"), [(None, True), (RED, False)])
def test_an_attachment_that_is_to_be_off_is_programmed_when_it_is(
    one: OneAdapter, entry: None, link_up: bool
) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, BLUE, link_up=True)
    eswitch.configure(one.pci(1), MAC, entry, link_up=link_up)

    assert attachment(eswitch).state is PROGRAMMED
    assert (vf(eswitch, 1).entry, vf(eswitch, 1).link) == (None, Link.DOWN)


def test_a_detached_function_is_clear(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)

    assert eswitch.detach(NET, MAC.upper()) is True
    assert eswitch.detach(NET, MAC) is False
    seen = vf(eswitch, 1)
    assert (seen.guid, seen.entry, seen.link) == (None, None, Link.DOWN)
    assert eswitch.read().attachments == ()


def test_plugging_again_mends_a_function_that_lost_its_guid(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    one.adapter().clear(one.pci(1), 1)

    eswitch.attach(NET, MAC, one.pci(1), 0)

    assert vf(eswitch, 1).guid == Guid.from_mac(MAC)


def test_a_release_that_comes_late_leaves_the_next_holder_alone(one: OneAdapter) -> None:
    attachments = Attachments(one.folder / "state")
    eswitch = Eswitch(one.adapters(), attachments)
    eswitch.attach(NET, MAC, one.pci(1), 0)
    held = attachments.at(one.pci(1))
    assert held is not None
    eswitch.detach(NET, MAC)
    eswitch.attach(NET, OTHER, one.pci(1), 0)

    eswitch._release(held)  # As a second `detach` would that began before the first had ended.

    assert attachment(eswitch).mac == OTHER
    assert vf(eswitch, 1).guid == Guid.from_mac(OTHER)


def test_state_is_known_again_after_a_restart(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    eswitch.attach(NET, OTHER, one.pci(2), 0)
    before = eswitch.read()

    after = one.start().read()

    assert (after.attachments, after.adapters) == (before.attachments, before.adapters)
    assert after.sequence != before.sequence


def test_functions_that_are_not_ours_are_never_touched(one: OneAdapter) -> None:
    one.adapter().set_guid(one.pci(3), 3, Guid.from_mac(OTHER))
    one.adapter().program(one.pci(3), 3, BLUE, link_up=True)
    before = one.adapter().read_vf(one.pci(3), 3)

    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.detach(NET, MAC)
    eswitch.reconcile()

    assert one.adapter().read_vf(one.pci(3), 3) == before


REFUSED: dict[str, tuple[Callable[[Eswitch, OneAdapter], object], type[Exception], str]] = {
    "an unknown physical network": (
        lambda e, one: e.attach("nonet", OTHER, one.pci(2), 0),
        BadInput,
        "'nonet' is not mapped on this host; mapped are: ibhostnet",
    ),
    "detaching on an unknown physical network": (
        lambda e, one: e.detach("nonet", OTHER),
        BadInput,
        "not mapped",
    ),
    "an address that is no VF": (
        lambda e, one: e.attach(NET, OTHER, PciAddress.parse("0000:07:00.1"), 0),
        BadInput,
        "no VF of an adapter of physical network ibhostnet",
    ),
    "the physical function": (
        lambda e, one: e.attach(NET, OTHER, one.host.pf_pci, 0),
        BadInput,
        "no VF",
    ),
    "what is no MAC": (lambda e, one: e.attach(NET, "nonsense", one.pci(2), 0), BadValue, "MAC"),
    "a MAC whose GUID is reserved": (
        lambda e, one: e.attach(NET, "02:00:00:00:00:02", one.pci(2), 0),
        BadValue,
        "reserved for subnet administration",
    ),
    "a MAC of the subnet manager's": (
        lambda e, one: e.attach(NET, "00:14:05:00:00:01", one.pci(2), 0),
        BadValue,
        "OpenSM assigns",
    ),
    "a multicast MAC": (
        lambda e, one: e.attach(NET, "01:00:5e:00:00:01", one.pci(2), 0),
        BadValue,
        "multicast",
    ),
    "a VF that another MAC holds": (
        lambda e, one: e.attach(NET, OTHER, one.pci(1), 0),
        Refused,
        f"attached to {MAC}",
    ),
    "a MAC that holds another VF": (
        lambda e, one: e.attach(NET, MAC, one.pci(2), 0),
        Refused,
        "holds VF",
    ),
    "configuring what is not attached": (
        lambda e, one: e.configure(one.pci(2), MAC, RED, link_up=True),
        Refused,
        "not attached",
    ),
    "configuring for another MAC": (
        lambda e, one: e.configure(one.pci(1), OTHER, RED, link_up=True),
        Refused,
        f"attached to {MAC}, not to {OTHER}",
    ),
}


@pytest.mark.parametrize(("ask", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_be_is_refused_and_changes_nothing(
    one: OneAdapter,
    ask: Callable[[Eswitch, OneAdapter], object],
    error: type[Exception],
    words: str,
) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    before = eswitch.read()

    with pytest.raises(error, match=words):
        ask(eswitch, one)
    assert eswitch.read() == before


def test_an_entry_that_the_table_lacks_is_for_later_and_says_so() -> None:
    with OneAdapter(Variant.MLX4) as one:
        eswitch = one.start()
        eswitch.attach(NET, MAC, one.pci(1), 0)
        with pytest.raises(TryLater):
            eswitch.configure(one.pci(1), MAC, ABSENT, link_up=True)

        assert attachment(eswitch).state is PENDING
        assert "0x8099" in str(attachment(eswitch).why)

        one.hardware.show_table([0x7FFF, ABSENT.to_wire()])
        eswitch.configure(one.pci(1), MAC, ABSENT, link_up=True)
        assert attachment(eswitch).state is PROGRAMMED


def test_a_table_that_was_packed_anew_makes_an_attachment_pending() -> None:
    with OneAdapter(Variant.MLX4) as one:
        eswitch = one.start()
        eswitch.attach(NET, MAC, one.pci(1), 0)
        eswitch.configure(one.pci(1), MAC, RED, link_up=True)
        before = eswitch.fingerprint()

        one.hardware.show_table([0x7FFF, 0x8001])

        assert eswitch.fingerprint() != before, "which wakes the agent"
        assert attachment(eswitch).state is PENDING


def test_attach_waits_for_configure(one: OneAdapter) -> None:
    eswitch = one.start()
    answers: list[ObservedAttachment] = []
    waiting = threading.Thread(
        target=lambda: answers.append(eswitch.attach(NET, MAC, one.pci(1), 30))
    )
    sequence = eswitch.read().sequence
    waiting.start()
    eswitch.watch(sequence, 30)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    waiting.join(30)

    assert [answer.state for answer in answers] == [PROGRAMMED]


def test_attach_that_waits_hears_of_detach(one: OneAdapter) -> None:
    eswitch = one.start()
    heard: list[Refused] = []

    def attach() -> None:
        try:
            eswitch.attach(NET, MAC, one.pci(1), 30)
        except Refused as error:
            heard.append(error)

    waiting = threading.Thread(target=attach)
    sequence = eswitch.read().sequence
    waiting.start()
    eswitch.watch(sequence, 30)
    eswitch.detach(NET, MAC)
    waiting.join(30)

    assert len(heard) == 1


def test_watch_returns_at_once_for_another_sequence_and_in_the_end(one: OneAdapter) -> None:
    eswitch = one.start()
    now = eswitch.read().sequence

    assert eswitch.watch(now - 1, 300) == now
    assert eswitch.watch(now, 0.01) == now


def test_sixteen_attaches_at_once_are_all_right() -> None:
    for variant in Variant:
        with OneAdapter(variant, vfs=16) as one:
            eswitch = one.start()

            def plug(number: int, eswitch: Eswitch = eswitch, one: OneAdapter = one) -> None:
                eswitch.attach(NET, MACS[number], one.pci(number), 0)
                eswitch.configure(one.pci(number), MACS[number], RED, link_up=True)
                if number % 2:
                    eswitch.detach(NET, MACS[number])
                    eswitch.attach(NET, MACS[number + 16], one.pci(number), 0)
                    eswitch.configure(one.pci(number), MACS[number + 16], BLUE, link_up=True)

            threads = [threading.Thread(target=plug, args=(n,)) for n in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)

            host = eswitch.read()
            assert [a.state for a in host.attachments] == [PROGRAMMED] * 16
            for number, seen in enumerate(host.adapters[0].vfs):
                mac = MACS[number + 16 * (number % 2)]
                assert seen.guid == Guid.from_mac(mac)
                assert seen.entry == (BLUE if number % 2 else RED)


def test_one_function_wanted_by_many_goes_to_one(one: OneAdapter) -> None:
    eswitch = one.start()
    outcomes: list[str] = []

    def attach(mac: str) -> None:
        try:
            eswitch.attach(NET, mac, one.pci(1), 0)
            outcomes.append("attached")
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=attach, args=(mac,)) for mac in MACS[:8]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == ["attached"] + ["refused"] * 7
    assert vf(eswitch, 1).guid == Guid.from_mac(attachment(eswitch).mac)


def assert_is_whole(eswitch: Eswitch, one: OneAdapter) -> None:
    """Nothing is on a partition without an attachment, and what is attached has its GUID."""
    host = eswitch.read()
    held = {each.pci: each for each in host.attachments}
    seen = host.adapters[0].vfs[1]
    if seen.pci in held:
        assert seen.guid == Guid.from_mac(held[seen.pci].mac)
        assert seen.link is Link.DOWN or held[seen.pci].state is PROGRAMMED or seen.entry is None
    else:
        assert (seen.guid, seen.entry, seen.link) == (None, None, Link.DOWN)


ACTIONS: dict[str, Callable[[Eswitch, OneAdapter], object]] = {
    "attach": lambda e, one: e.attach(NET, MAC, one.pci(1), 0),
    "configure": lambda e, one: e.configure(one.pci(1), MAC, RED, link_up=True),
    "detach": lambda e, one: e.detach(NET, MAC),
    "attach to another": lambda e, one: e.attach(NET, OTHER, one.pci(1), 0),
    "configure another": lambda e, one: e.configure(one.pci(1), OTHER, BLUE, link_up=True),
}


@pytest.mark.parametrize("variant", [Variant.MLX4, Variant.MLX5_FILES])
def test_a_daemon_that_is_killed_before_any_write_goes_on_from_there(variant: Variant) -> None:
    cuts = 0
    for action in ACTIONS:
        for writes in range(200):
            with OneAdapter(variant, vfs=2) as one:
                if not _cut(one, action, writes):
                    break
                cuts += 1
    assert cuts >= 6


def _cut(one: OneAdapter, cut: str, writes: int) -> bool:
    """Do all the actions, killed after *writes* writes of *cut*; return whether it was killed."""
    eswitch = one.start()
    eswitch.attach(NET, MACS[9], one.pci(1), 0)  # So that clear has something to clear.
    eswitch.detach(NET, MACS[9])
    was_killed = False
    for name, action in ACTIONS.items():
        if name == cut:
            one.sysfs.dies_before = len(one.sysfs.writes) + writes
            try:
                action(eswitch, one)
            except Killed:
                was_killed = True
            eswitch = one.start()
            assert_is_whole(eswitch, one)
        action(eswitch, one)  # What was cut short is simply asked for again.
    assert attachment(eswitch).mac == OTHER
    assert attachment(eswitch).state is PROGRAMMED
    assert vf(eswitch, 1).guid == Guid.from_mac(OTHER)
    return was_killed


def test_a_guid_that_a_restarted_driver_lost_is_set_again(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    one.adapter().clear(one.pci(1), 1)

    eswitch.reconcile()

    assert vf(eswitch, 1).guid == Guid.from_mac(MAC)
    assert attachment(eswitch).state is PENDING, "until the agent has configured it again"
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    assert attachment(eswitch).state is PROGRAMMED


def test_a_function_that_was_attached_and_never_configured_is_on_no_partition(
    one: OneAdapter,
) -> None:
    one.start().attach(NET, MAC, one.pci(1), 0)
    one.adapter().program(one.pci(1), 1, BLUE, link_up=True)  # As left by what ran before.

    eswitch = one.start()

    assert vf(eswitch, 1).link is Link.DOWN
    assert vf(eswitch, 1).guid == Guid.from_mac(MAC)


def test_a_mapping_to_what_is_missing_is_told_and_the_others_go_on(one: OneAdapter) -> None:
    one.mappings = (Mapping("ibother", "ib7"), *one.mappings)
    eswitch = one.start()

    (problem,) = eswitch.read().problems
    assert problem.startswith("cannot serve physical network ibother: there is no interface ib7")
    assert eswitch.attach(NET, MAC, one.pci(1), 0).state is PENDING
    with pytest.raises(TryLater, match="ib7"):
        eswitch.attach("ibother", OTHER, one.pci(2), 0)


def test_an_adapter_that_appears_later_is_served(one: OneAdapter) -> None:
    link = one.hardware.root / "class/net/ib0"
    target = link.readlink()
    link.unlink()
    eswitch = one.start()
    assert eswitch.read().adapters == ()
    before = eswitch.fingerprint()

    link.symlink_to(target)

    assert eswitch.fingerprint() != before
    assert len(eswitch.read().adapters[0].vfs) == 4


def test_a_function_can_be_released_while_its_interface_has_another_name(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    eswitch.configure(one.pci(1), MAC, RED, link_up=True)
    (one.hardware.root / "class/net/ib0").rename(one.hardware.root / "class/net/ib9")
    with pytest.raises(TryLater, match="cannot be reached now"):
        eswitch.detach(NET, MAC)
    assert attachment(eswitch).state is PENDING

    one.mappings = (Mapping(NET, "ib9"),)
    eswitch = one.start()  # Which finishes what could not be done before.

    assert eswitch.read().attachments == ()
    assert (vf(eswitch, 1).guid, vf(eswitch, 1).link) == (None, Link.DOWN)


def test_an_attachment_to_a_function_that_is_gone_can_be_released(one: OneAdapter) -> None:
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(1), 0)
    (one.hardware.pf_folder / "virtfn1").unlink()
    (one.hardware.root / f"bus/pci/devices/{one.pci(1)}").unlink()
    assert "no adapter of this host shows that VF" in str(attachment(eswitch).why)

    assert eswitch.detach(NET, MAC) is True
    assert eswitch.read().attachments == ()


def test_several_adapters_may_serve_one_physical_network() -> None:
    with OneAdapter(Variant.MLX4) as one:
        second = one.hardware.root / "class/net/ib1"
        second.symlink_to((one.hardware.root / "class/net/ib0").readlink())
        mappings = (Mapping(NET, "ib0"), Mapping(NET, "ib1"))
        eswitch = Eswitch(Adapters(one.sysfs, mappings), Attachments(one.folder / "state"))

        assert [a.interface for a in eswitch.read().adapters] == ["ib0", "ib1"]


def by_others(one: OneAdapter, number: int) -> None:
    """Leave a VF as another's daemons do that plugged it: live, and on no record of ours."""
    eswitch = one.start()
    eswitch.attach(NET, MAC, one.pci(number), 0)
    eswitch.configure(one.pci(number), MAC, RED, link_up=True)
    for record in (one.folder / "state").iterdir():
        record.unlink()


def test_a_vf_that_others_plugged_is_taken_over_without_a_write(one: OneAdapter) -> None:
    by_others(one, 1)
    eswitch = one.start()
    one.sysfs.writes.clear()
    vports = deepcopy(one.driver.vports)

    assert eswitch.adopt(NET, MAC.upper(), one.pci(1), RED) is True
    assert (attachment(eswitch).state, attachment(eswitch).mac) == (PROGRAMMED, MAC)
    assert eswitch.adopt(NET, MAC, one.pci(1), RED) is False
    # As nova does when it starts again.
    assert eswitch.attach(NET, MAC, one.pci(1), 0).state is PROGRAMMED
    assert (one.sysfs.writes, one.driver.vports) == ([], vports)
    assert one.start().read().attachments == eswitch.read().attachments
    assert eswitch.detach(NET, MAC) is True
    assert vf(eswitch, 1).guid is None


def test_a_vf_that_is_not_so_is_not_taken_over(one: OneAdapter) -> None:
    by_others(one, 1)
    eswitch = one.start()
    before = eswitch.read()

    for mac, number in ((OTHER, 1), (MAC, 2)):
        with pytest.raises(Refused, match="does not hold the GUID"):
            eswitch.adopt(NET, mac, one.pci(number), RED)
    if one.variant is Variant.MLX4:
        with pytest.raises(Refused, match=f"entry {BLUE}"):
            eswitch.adopt(NET, MAC, one.pci(1), BLUE)
    assert eswitch.read() == before
    eswitch.adopt(NET, MAC, one.pci(1), RED)
    with pytest.raises(Refused, match=f"is attached to {MAC}"):
        eswitch.adopt(NET, OTHER, one.pci(1), RED)

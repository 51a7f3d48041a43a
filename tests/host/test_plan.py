# SPDX-License-Identifier: Apache-2.0
"""The agent's decisions, as properties and as a table of cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.host.agent.plan import (
    Adopt,
    Binding,
    ClearVf,
    Configure,
    DesiredPort,
    Pending,
    Plan,
    Plugged,
    Step,
    UnmanagedVf,
    VfState,
    plan,
)
from ibstack.host.client.observed import BlockedPlug, Link

VF1, VF2 = PciAddress.parse("0000:05:00.1"), PciAddress.parse("0000:05:00.2")
MAC1, MAC2 = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"


def entry(raw: int) -> TableEntry:
    found = TableEntry.from_wire(raw)
    assert found is not None
    return found


RED, BLUE, RED_LIMITED = entry(0x8001), entry(0x8002), entry(0x0001)
OFF = VfState(Guid.from_mac(MAC1), None, Link.DOWN)
LIVE = VfState(Guid.from_mac(MAC1), RED, Link.AUTO)

WANTED = DesiredPort(
    id="port-1",
    mac=MAC1,
    guid=Guid.from_mac(MAC1),
    pci=VF1,
    physical_network="ib",
    entry=RED,
    admin_state_up=True,
    binding=Binding.ACTIVE,
    is_active=False,
    revision=1,
)


def plugged(vf: VfState | None = OFF) -> Plugged:
    return Plugged("ib", MAC1, VF1, vf)


# Few VFs, MACs and keys on purpose: collisions are where plans go wrong.
macs = st.sampled_from([MAC1, MAC2, "fa:16:3e:00:00:03"])
pcis = st.sampled_from([VF1, VF2, PciAddress.parse("0000:05:00.3")])
networks = st.sampled_from(["ib", "ib2"])
entries = st.sampled_from([RED, BLUE, RED_LIMITED])
links = st.sampled_from([*Link, None])


@st.composite
def vf_states(draw: st.DrawFn, mac: str) -> VfState:
    guid = draw(st.sampled_from([Guid.from_mac(mac), Guid.from_mac(mac), Guid(7), None]))
    return VfState(guid, draw(st.none() | entries), draw(links))


@st.composite
def plugged_vfs(draw: st.DrawFn) -> list[Plugged]:
    """What eswitchd can say: each VF is given once, and each MAC once on a physical network."""
    found: list[Plugged] = []
    for pci in draw(st.lists(pcis, unique=True)):
        mac, network = draw(macs), draw(networks)
        if any((one.mac, one.physical_network) == (mac, network) for one in found):
            continue
        vf = draw(st.none() | vf_states(mac))
        found.append(Plugged(network, mac, pci, vf, draw(st.booleans())))
    return found


@st.composite
def desired_ports(draw: st.DrawFn) -> list[DesiredPort]:
    """What Neutron can say, mistakes included: a VF or a MAC may be wanted by two ports."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        mac = draw(macs)
        found.append(
            DesiredPort(
                id=f"port-{number}",
                mac=mac,
                guid=Guid.from_mac(mac),
                pci=draw(pcis | st.none()),
                physical_network=draw(networks),
                entry=draw(entries),
                admin_state_up=draw(st.booleans()),
                binding=draw(st.sampled_from(Binding)),
                is_active=draw(st.booleans()),
                revision=1,
            )
        )
    return found


def hardware(before: list[Plugged], steps: tuple[Step, ...]) -> list[Plugged]:
    """Do the steps as eswitchd does."""
    vfs = {one.pci: one for one in before}
    for step in steps:
        one = vfs[step.pci]
        assert one.mac == step.mac
        assert one.vf is not None
        entered = step.entry if isinstance(step, Configure) else None
        after = VfState(Guid.from_mac(one.mac), entered, Link.AUTO if entered else Link.DOWN)
        vfs[step.pci] = replace(one, vf=after, is_awaited=False)
    return list(vfs.values())


@given(plugged_vfs(), desired_ports())
def test_one_pass_arrives_and_a_second_does_nothing(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    after = hardware(before, plan(before, want).steps)

    assert plan(after, want).steps == ()


@given(plugged_vfs(), desired_ports())
def test_vfs_that_nobody_plugged_are_never_touched(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    steps = plan(before, want).steps

    assert {(step.pci, step.mac) for step in steps} <= {(one.pci, one.mac) for one in before}


@given(plugged_vfs(), desired_ports())
def test_no_vf_enters_before_all_that_must_leave_have_left(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    kinds = [type(step) for step in plan(before, want).steps]

    assert kinds == sorted(kinds, key=[ClearVf, Configure].index)


@given(plugged_vfs(), desired_ports())
def test_a_vf_never_goes_straight_from_one_partition_to_another(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    steps = plan(before, want).steps
    left = {step.pci for step in steps if isinstance(step, ClearVf)}
    entering = {step.pci: step.entry for step in steps if isinstance(step, Configure)}

    for one in before:
        held = one.vf.entry if one.vf else None
        if one.pci in entering and held not in (None, entering[one.pci]):
            assert one.pci in left


@given(plugged_vfs(), desired_ports())
def test_only_what_was_read_back_as_desired_is_ready(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    for port in plan(before, want).ready:
        (one,) = (
            one
            for one in before
            if port == replace(port, mac=one.mac, physical_network=one.physical_network)
        )

        assert port.admin_state_up
        assert port.binding is Binding.ACTIVE
        assert port.pci in (None, one.pci)
        assert one.vf in (
            VfState(port.guid, port.entry, Link.UP),
            VfState(port.guid, port.entry, Link.AUTO),
        )


@given(plugged_vfs(), desired_ports())
def test_a_port_has_at_most_one_verdict(before: list[Plugged], want: list[DesiredPort]) -> None:
    found = plan(before, want)
    told = [port.id for ports in (found.ready, found.staged, found.gone) for port in ports]

    assert len(told) == len(set(told))


@given(plugged_vfs(), desired_ports())
def test_every_plugged_vf_is_ready_pending_or_on_purpose_off(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    found = plan(before, want)
    accounted = {port.pci for port in (*found.ready, *found.staged)}
    accounted |= {one.pci for one in found.pending} | {step.pci for step in found.steps}
    accounted |= {one.pci for one in before if one.is_off}

    assert {one.pci for one in before} <= accounted


@given(plugged_vfs(), desired_ports())
def test_not_knowing_changes_nothing_and_says_nothing(
    before: list[Plugged], want: list[DesiredPort]
) -> None:
    assert plan(before, None) == Plan()
    assert plan(None, want) == Plan()


def test_knowing_that_neutron_wants_nothing_takes_everything_off() -> None:
    assert plan([plugged(LIVE)], []).steps == (ClearVf(VF1, MAC1),)


@pytest.mark.parametrize(
    ("vf", "changes", "steps"),
    [
        pytest.param(OFF, {}, (Configure(VF1, MAC1, RED),), id="freshly plugged"),
        pytest.param(
            LIVE,
            {"entry": BLUE},
            (ClearVf(VF1, MAC1), Configure(VF1, MAC1, BLUE)),
            id="another network",
        ),
        pytest.param(
            LIVE,
            {"entry": RED_LIMITED},
            (ClearVf(VF1, MAC1), Configure(VF1, MAC1, RED_LIMITED)),
            id="the same partition as a limited member",
        ),
        pytest.param(
            replace(LIVE, link=Link.DOWN), {}, (Configure(VF1, MAC1, RED),), id="link is down"
        ),
        pytest.param(
            replace(LIVE, link=None), {}, (Configure(VF1, MAC1, RED),), id="link is not known"
        ),
        pytest.param(
            LIVE, {"admin_state_up": False}, (ClearVf(VF1, MAC1),), id="administratively down"
        ),
        pytest.param(
            LIVE, {"binding": Binding.INACTIVE}, (ClearVf(VF1, MAC1),), id="inactive binding"
        ),
        pytest.param(LIVE, {"pci": VF2}, (ClearVf(VF1, MAC1),), id="moved to another VF"),
        pytest.param(LIVE, {"mac": MAC2}, (ClearVf(VF1, MAC1),), id="the MAC does not confirm"),
        pytest.param(
            LIVE, {"physical_network": "other"}, (ClearVf(VF1, MAC1),), id="another fabric"
        ),
        pytest.param(
            replace(LIVE, guid=Guid(7)),
            {},
            (Configure(VF1, MAC1, RED),),
            id="a GUID that is not its own",
        ),
        pytest.param(LIVE, {}, (), id="as desired"),
        pytest.param(None, {}, (), id="the VF is not to be seen"),
    ],
)
def test_steps(vf: VfState | None, changes: dict[str, object], steps: tuple[Step, ...]) -> None:
    found = plan([plugged(vf)], [replace(WANTED, **changes)])  # type: ignore[arg-type]

    assert found.steps == steps
    assert bool(found.ready) == (not steps and vf is not None)


def test_an_attachment_that_eswitchd_waits_for_is_confirmed_before_it_is_ready() -> None:
    awaited = replace(plugged(LIVE), is_awaited=True)

    found = plan([awaited], [WANTED])

    assert found.steps == (Configure(VF1, MAC1, RED),)
    assert found.ready == ()


def test_ebrctl_does_not_wait_for_a_port_that_is_to_be_down() -> None:
    awaited = replace(plugged(OFF), is_awaited=True)
    moving = replace(WANTED, binding=Binding.INACTIVE)

    assert plan([awaited], [moving]).steps == (ClearVf(VF1, MAC1),)
    assert plan([awaited], []).steps == ()


def test_a_port_that_is_not_plugged_is_not_ready() -> None:
    assert plan([], [WANTED]) == Plan()


def test_a_port_that_is_active_and_no_longer_plugged_is_gone() -> None:
    lost = replace(WANTED, is_active=True)

    assert plan([], [lost]).gone == (lost,)


def test_a_port_that_is_active_on_the_host_it_moves_from_is_not_gone() -> None:
    moving = replace(WANTED, is_active=True, binding=Binding.INACTIVE)

    assert plan([], [moving]).gone == ()
    assert plan([plugged(OFF)], [moving]).staged == (moving,)


def test_a_port_made_administratively_down_is_gone_once_its_vf_is_off() -> None:
    down = replace(WANTED, is_active=True, admin_state_up=False)

    assert plan([plugged(LIVE)], [down]).gone == ()
    assert plan([plugged(OFF)], [down]).gone == (down,)


def test_a_plugged_vf_that_neutron_does_not_know_is_pending_with_the_reason() -> None:
    assert plan([plugged()], []).pending == (
        Pending(VF1, MAC1, "Neutron has no such port on this host yet"),
    )


def test_two_ports_that_claim_one_vf_leave_it_as_it_is() -> None:
    rival = replace(WANTED, id="port-2", entry=BLUE, is_active=True)

    found = plan([plugged(LIVE)], [WANTED, rival])

    assert found.steps == ()
    assert found.ready == ()
    assert found.gone == ()
    assert str(found.pending[0]).endswith("2 ports of Neutron claim it: port-1, port-2")


ACTIVE = replace(WANTED, is_active=True)
LOOSE = UnmanagedVf("ib", VF1, LIVE, shows_entry=True)


def test_a_vf_that_serves_a_port_already_is_taken_over() -> None:
    for loose in (LOOSE, replace(LOOSE, vf=replace(LIVE, entry=None), shows_entry=False)):
        found = plan([], [ACTIVE], [loose])

        assert found.steps == (Adopt(VF1, MAC1, "ib", RED),)
        assert plan([], [WANTED], [loose]).steps == found.steps
        assert (found.gone, found.ready) == ((), ())
        assert [str(one) for one in found.pending] == [
            f"VF {VF1} ({MAC1}): it is not on record yet"
        ]


@pytest.mark.parametrize(
    ("port", "loose"),
    [
        (replace(ACTIVE, admin_state_up=False), LOOSE),
        (replace(ACTIVE, binding=Binding.INACTIVE), LOOSE),
        (replace(ACTIVE, pci=None), LOOSE),
        (replace(ACTIVE, entry=BLUE), LOOSE),
        (ACTIVE, replace(LOOSE, physical_network="ib2")),
        (ACTIVE, replace(LOOSE, pci=VF2)),
        (ACTIVE, replace(LOOSE, vf=replace(LIVE, entry=RED_LIMITED))),
        (ACTIVE, replace(LOOSE, vf=replace(LIVE, entry=None))),
        (ACTIVE, replace(LOOSE, vf=replace(LIVE, guid=Guid(7)))),
        (ACTIVE, replace(LOOSE, vf=replace(LIVE, link=Link.DOWN))),
    ],
    ids=str,
)
def test_a_vf_that_is_not_all_that_a_port_wants_is_left_alone(
    port: DesiredPort, loose: UnmanagedVf
) -> None:
    assert plan([], [port], [loose]).steps == ()


def test_a_vf_that_two_ports_want_is_nobodys() -> None:
    for other in (
        replace(ACTIVE, id="port-2", mac=MAC2, guid=Guid.from_mac(MAC2)),
        replace(ACTIVE, id="port-2", pci=VF2),
    ):
        assert plan([], [ACTIVE, other], [LOOSE]).steps == ()
    for holder in (plugged(LIVE), replace(plugged(OFF), pci=VF2)):
        steps = plan([holder], [ACTIVE], [LOOSE]).steps
        assert not any(isinstance(step, Adopt) for step in steps)


AGAIN = replace(WANTED, revision=2)
OTHER_PLUG = BlockedPlug("ib", MAC2, VF1, refused=False, why="VF is attached")
OTHER = replace(WANTED, id="port-2", mac=MAC2, guid=Guid.from_mac(MAC2), entry=BLUE)
ONE, TWO = "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10", "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f11"


def take_off(found: Plan) -> ClearVf:
    (step,) = found.steps
    assert isinstance(step, ClearVf)
    return step


def test_a_vf_whose_port_is_bound_anew_stays_as_it_is_and_is_not_reported() -> None:
    found = plan([plugged(LIVE)], [], rebinding=[replace(AGAIN, entry=BLUE), AGAIN])

    assert (found.steps, found.ready, found.gone) == ((), (), ())
    assert [one.why for one in found.pending] == ["Neutron binds its port anew"]


@pytest.mark.parametrize(
    ("one", "again"),
    [
        (plugged(LIVE), replace(AGAIN, pci=VF2)),
        (plugged(LIVE), replace(AGAIN, pci=None)),
        (plugged(LIVE), replace(AGAIN, mac=MAC2)),
        (plugged(LIVE), replace(AGAIN, entry=BLUE)),
        (plugged(LIVE), replace(AGAIN, physical_network="other")),
        (plugged(replace(LIVE, guid=Guid(7))), AGAIN),
        (
            replace(plugged(LIVE), instance=ONE, has_guest=True),
            replace(AGAIN, instance=TWO),
        ),
    ],
)
def test_a_vf_that_is_not_live_for_that_very_port_is_taken_off(
    one: Plugged, again: DesiredPort
) -> None:
    assert plan([one], [], rebinding=[again]).steps == (ClearVf(VF1, MAC1),)


def test_a_vf_is_given_nothing_by_a_port_that_is_bound_anew() -> None:
    assert plan([plugged(OFF)], [], rebinding=[AGAIN]).steps == ()


def test_a_port_of_another_on_that_vf_ends_the_grace_at_once() -> None:
    assert plan([plugged(LIVE)], [OTHER], rebinding=[AGAIN]).steps == (ClearVf(VF1, MAC1),)
    found = plan([plugged(LIVE)], [], rebinding=[AGAIN], held_up=[OTHER_PLUG])
    assert found.steps == (ClearVf(VF1, MAC1),), "and so does a plug, before its port is known"


@given(plugged_vfs(), desired_ports(), desired_ports())
def test_ports_that_are_bound_anew_only_ever_keep_what_is(
    before: list[Plugged], want: list[DesiredPort], anew: list[DesiredPort]
) -> None:
    with_grace, without = plan(before, want, (), anew), plan(before, want)

    assert set(with_grace.steps) <= set(without.steps)
    for kept in set(without.steps) - set(with_grace.steps):
        (one,) = (each for each in before if each.pci == kept.pci)
        assert one.vf is not None
        assert any(one.vf.is_on(port.entry) and port.mac == one.mac for port in anew)
    assert (with_grace.ready, with_grace.staged) == (without.ready, without.staged)


@pytest.mark.parametrize("vf", [LIVE, OFF])
def test_an_attachment_whose_port_is_gone_is_left(vf: VfState) -> None:
    found = plan([replace(plugged(vf), is_served=True)], [])

    assert (take_off(found).has_port, take_off(found).is_left) == (False, True)
    assert [each.why for each in found.pending] == [
        "Neutron has no port for it any more, and it was never detached"
    ]
    known = replace(plugged(OFF), is_served=True, is_left=True)
    assert plan([known], []).steps == (), "said once"


def test_a_plug_that_neutron_does_not_know_yet_is_not_left() -> None:
    assert plan([plugged(OFF)], []).steps == ()
    step = take_off(plan([plugged(LIVE)], []))
    assert (step.has_port, step.is_left) == (False, False)
    assert plan([plugged(OFF)], [], held_up=[OTHER_PLUG]).steps == (), "for all that is known"


def test_it_is_left_where_neutron_gave_its_vf_to_a_port_that_waits_for_it() -> None:
    assert take_off(plan([plugged(OFF)], [OTHER], held_up=[OTHER_PLUG])).is_left
    moved = replace(WANTED, pci=VF2)
    plug = BlockedPlug("ib", MAC1, VF2, refused=False, why="holds another VF")
    assert take_off(plan([plugged(OFF)], [moved], held_up=[plug])).is_left


def test_a_port_of_another_instance_does_not_bring_the_old_guest_back() -> None:
    one = replace(plugged(OFF), instance=ONE, has_guest=True, is_served=True, is_left=True)
    port = replace(WANTED, instance=TWO)

    found = plan([one], [port])

    assert found.steps == ()
    assert [each.why for each in found.pending] == [
        f"Neutron port port-1 is of instance {TWO}, not of {ONE}"
    ]
    assert plan([one], [replace(port, instance=ONE)]).steps == (Configure(VF1, MAC1, RED, ONE),)
    assert plan([one], [replace(port, instance=None)]).steps == (Configure(VF1, MAC1, RED),)
    free = replace(one, has_guest=False)
    assert plan([free], [port]).steps == (Configure(VF1, MAC1, RED, TWO),)


def test_the_instance_is_put_on_record_before_its_guest_starts() -> None:
    live = plugged(LIVE)
    port = replace(WANTED, instance=TWO)

    for known in (None, ONE):
        assert plan([replace(live, instance=known)], [port]).steps == (
            Configure(VF1, MAC1, RED, TWO),
        )
    assert plan([replace(live, instance=TWO, has_guest=True)], [port]).ready == (port,)


def test_a_port_that_is_to_be_down_is_put_on_record_where_its_vf_was_left() -> None:
    one = replace(plugged(OFF), is_served=True, is_left=True)

    assert take_off(plan([one], [replace(WANTED, binding=Binding.INACTIVE)])).has_port

# SPDX-License-Identifier: Apache-2.0
"""The judge of a walk: it passes what is right, and names what is wrong, and whose it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from faults.invariants import Invariant, judge
from faults.model import FULL, Model, Place, Port, guid_of
from faults.seen import DHCP_OWNER, NeutronRow, Seen, SeenVf, members_in
from faults.wires import ACTIVE, WirePort
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Callable

KEY, OTHER_KEY, SERVED = 0x201, 0x202, 0x203
MAC1, MAC4, MAC5 = (f"fa:16:3e:00:00:0{n}" for n in (1, 4, 5))
ON4, ON5, FREE4 = Place("node002", 0), Place("node003", 0), Place("node002", 1)
HEAD, NODE1, NODE2, NODE3 = (host.port_guid.value for host in ARTICLE.hosts)
VF5: Final = ARTICLE.host("node003").vf_node(0)
UNUSED: Final = SeenVf(0x0200000000000001, 0x0200000000000001, 0x7FFF, "")


def model() -> Model:
    """Return two ports that are bound and plugged, one on each kind of adapter, and DHCP."""
    ports = [
        Port(mac, KEY, place, exists=True, bound_to=place, plugged={place})
        for mac, place in ((MAC4, ON4), (MAC5, ON5))
    ]
    return Model(
        frozenset({"node001", "node002"}), ports, {MAC4, MAC5}, frozenset({SERVED}), "node001"
    )


def right() -> Seen:
    """Return what is to be seen of them."""

    def wire(guid: int, *entries: int) -> WirePort:
        return WirePort(guid, ACTIVE, (*entries, *[0] * (64 - len(entries))))

    members = {KEY: frozenset({NODE2, guid_of(MAC5)}), SERVED: frozenset({NODE1})}
    pcis = {place: str(ARTICLE.host(place.host).vf_pci(place.vf)) for place in (ON4, ON5)}
    return Seen(
        wires={
            "head": wire(HEAD, 0xFFFF, 0xFFF1),
            "node001": wire(NODE1, 0xFFFF, SERVED | FULL),
            "node002": wire(NODE2, 0x7FFF, KEY | FULL),
            "node003": wire(NODE3, 0x7FFF),
            VF5: wire(guid_of(MAC5), KEY | FULL, 0x7FFF),
        },
        masters=frozenset({"head"}),
        vfs={
            ON4: SeenVf(guid_of(MAC4), guid_of(MAC4), KEY | FULL, ""),
            FREE4: UNUSED,
            ON5: SeenVf(guid_of(MAC5), guid_of(MAC5), None, "Follow"),
        },
        attached={ON4: MAC4, ON5: MAC5},
        neutron=tuple(
            NeutronRow(mac, "ACTIVE", True, place.host, pcis[place], "ib_hostdev", KEY, "")
            for mac, place in ((MAC4, ON4), (MAC5, ON5))
        ),
        dhcp=(NeutronRow(MAC1, "ACTIVE", True, "node001", None, "other", SERVED, "", DHCP_OWNER),),
        other_keys=frozenset(),
        files={"head": members, "node001": members},
        digests={"head": "a", "node001": "a"},
    )


def test_what_is_right_passes() -> None:
    assert judge(model(), right(), ARTICLE) == []


def holds(node: str, *entries: int) -> Callable[[Seen], Seen]:
    return wired(node, table=entries)


def shows(place: Place, **changes: object) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen,
        vfs={**seen.vfs, place: replace(seen.vfs[place], **changes)},  # type: ignore[arg-type]
    )


def has_row(**changes: object) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen,
        neutron=(replace(seen.neutron[0], **changes), *seen.neutron[1:]),  # type: ignore[arg-type]
    )


def wired(node: str, **changes: object) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen,
        wires={**seen.wires, node: replace(seen.wires[node], **changes)},  # type: ignore[arg-type]
    )


def unwired(node: str) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen, wires={name: port for name, port in seen.wires.items() if name != node}
    )


def sees(**changes: object) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, **changes)  # type: ignore[arg-type]


def admits(*guids: int, key: int = KEY) -> Callable[[Seen], Seen]:
    """In the file of the standby, which nobody uses yet."""
    return lambda seen: replace(
        seen, files={**seen.files, "node001": {**seen.files["node001"], key: frozenset(guids)}}
    )


def has_made(mac: str) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen, neutron=(*seen.neutron, replace(seen.neutron[0], mac=mac, status="DOWN"))
    )


def serves(**changes: object) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen,
        dhcp=(replace(seen.dhcp[0], **changes),),  # type: ignore[arg-type]
    )


PORT4, PORT5 = f"port {MAC4} of 0x0201", f"port {MAC5} of 0x0201"
FILE: Final = "0x0201 in the file of node001"
ABSENTEE, EARLY, LOST = Invariant.NO_ABSENTEE, Invariant.NO_EARLY_ACTIVE, Invariant.NOTHING_LOST
RELIC, STRANGER = Invariant.NO_RELIC, Invariant.NO_STRANGER


@pytest.mark.parametrize(
    ("wrong", "invariant", "subject", "said"),
    [
        (holds("node003", 0x7FFF, KEY | FULL), STRANGER, "node003", "holds 0x8201"),
        (holds("node003", 0xFFFF), STRANGER, "node003", "holds 0xffff"),
        (holds(VF5, KEY | FULL, 0x7FFF, OTHER_KEY), STRANGER, VF5, "holds 0x0202"),
        (holds("node001", 0xFFFF, 0xFFF1), STRANGER, "node001", "holds 0xfff1"),
        (holds("node001", 0xFFFF), ABSENTEE, "node001", "lacks 0x8203"),
        (holds("node002", 0x7FFF), ABSENTEE, "node002", "lacks 0x8201"),
        (holds("node002", 0x7FFF, KEY), ABSENTEE, "node002", "lacks 0x8201"),
        (holds(VF5, 0x7FFF, KEY | FULL), ABSENTEE, PORT5, "index 0 of"),
        (unwired("node003"), ABSENTEE, "node003", "not on the fabric"),
        (unwired(VF5), ABSENTEE, PORT5, "is not on the fabric"),
        (wired(VF5, guid=guid_of(MAC4)), RELIC, VF5, "not that of"),
        (wired(VF5, state=ACTIVE - 1), ABSENTEE, PORT5, "is in state 3"),
        (admits(NODE2, guid_of(MAC5), NODE3), STRANGER, FILE, f"admits 0x{NODE3:016x}"),
        (admits(NODE3, key=0x777), STRANGER, "0x0777 in the file of node001", "admits"),
        (admits(key=SERVED), ABSENTEE, "0x0203 in the file of node001", f"lacks 0x{NODE1:016x}"),
        (admits(NODE2), ABSENTEE, FILE, f"lacks 0x{guid_of(MAC5):016x}"),
        (shows(FREE4, guid=guid_of(MAC5)), RELIC, str(FREE4), "it has GUID"),
        (shows(FREE4, entry=KEY | FULL), RELIC, str(FREE4), "is mapped to 0x8201"),
        (shows(ON4, entry=None), ABSENTEE, PORT4, "is mapped to no entry"),
        (shows(ON5, node_guid=0), LOST, PORT5, "has GUIDs"),
        (shows(ON5, policy="Down"), ABSENTEE, PORT5, "the link policy of"),
        (has_row(status="DOWN", waits_for="DHCP"), LOST, PORT4, "waits for DHCP"),
        (has_row(host="node003"), LOST, PORT4, "up on 'node003'"),
        (has_row(up=False), LOST, PORT4, "down on 'node002'"),
        (has_row(mac=MAC4[:-1] + "9"), LOST, PORT4, "does not have it"),
        (has_made(MAC4[:-1] + "9"), LOST, f"port {MAC4[:-1]}9", "nobody made it"),
        (sees(dhcp=()), LOST, "the DHCP port of 0x0203", "it is none"),
        (serves(status="DOWN"), LOST, "the DHCP port of 0x0203", "it is DOWN on 'node001'"),
        (serves(host="head"), LOST, "the DHCP port of 0x0203", "it is ACTIVE on 'head'"),
        (serves(key=KEY), LOST, "the DHCP port of 0x0201", "it is ACTIVE on 'node001'"),
        (sees(digests={"head": "a", "node001": "b"}), LOST, "the partitions files", "not equal"),
        (sees(attached={ON5: MAC5}), LOST, str(ON4), "on record is nobody"),
        (sees(attached={ON4: MAC5, ON5: MAC5}), LOST, str(ON4), f"on record is {MAC5}"),
        (sees(masters=frozenset()), LOST, "the master subnet manager", "there is none"),
        (
            sees(masters=frozenset({"head", "node001"})),
            *(LOST, "the master subnet manager", "there is head, node001"),
        ),
        (sees(files={"head": {}, "node001": {}}), EARLY, PORT4, "does not serve it"),
    ],
)
def test_what_is_wrong_is_named(
    wrong: Callable[[Seen], Seen], invariant: Invariant, subject: str, said: str
) -> None:
    found = judge(model(), wrong(right()), ARTICLE)

    about = [each.found for each in found if (each.invariant, each.subject) == (invariant, subject)]
    assert any(said in each for each in about), found


def test_a_vf_that_nobody_has_any_more_must_be_off_the_fabric_and_down() -> None:
    told = model()
    told.ports.remove(told.ports[1])

    found = [str(each) for each in judge(told, right(), ARTICLE)]

    assert f"{STRANGER.value}: {VF5}: it is on the fabric, and nobody has that VF" in found
    assert f"{RELIC.value}: {ON5}: it has GUID 0x{guid_of(MAC5):016x}" in found
    assert f"{RELIC.value}: {ON5}: its link policy is Follow" in found


def test_a_vf_whose_port_is_set_down_must_be_off_the_fabric() -> None:
    told = model()
    told.ports[1].up = False

    found = [str(each) for each in judge(told, right(), ARTICLE)]

    assert f"{STRANGER.value}: {VF5}: it is on the fabric, and {PORT5} must be down there" in found


def test_a_port_that_is_active_and_not_plugged_is_named() -> None:
    told = model()
    told.ports[0].plugged.clear()

    found = judge(told, right(), ARTICLE)

    assert (EARLY, PORT4) in [(f.invariant, f.subject) for f in found]
    assert (RELIC, str(ON4)) in [(f.invariant, f.subject) for f in found]


def test_members_are_read_from_the_text_of_a_partitions_file() -> None:
    text = (
        "Default=0x7fff,indx0: ALL=limited, SELF=full, 0x0000000000000001=full;\n"
        "# a=0x0001: 0x0000000000000009=full;\n"
        "n0201=0x0201,ipoib: 0x0000000000000002=full, 0x0000000000000003=limited;\n"
        "n0201=0x0201,ipoib,indx0: 0x0000000000000004=full;\n"
    )

    assert members_in(text) == {0x7FFF: {1}, 0x201: {2, 4}}

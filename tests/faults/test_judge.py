# SPDX-License-Identifier: Apache-2.0
"""The judge of a walk: it passes what is right, and names what is wrong, and whose it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from faults.invariants import Invariant, judge
from faults.model import FULL, Model, Place, Port, guid_of
from faults.seen import NeutronRow, Seen, SeenVf, members_in
from faults.wires import ACTIVE, WirePort
from ibstack.lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Callable

KEY, OTHER_KEY, MAC4, MAC5 = 0x201, 0x202, "fa:16:3e:00:00:04", "fa:16:3e:00:00:05"
ON4, ON5, FREE4 = Place("node002", 0), Place("node003", 0), Place("node002", 1)
HEAD, NODE1, NODE2, NODE3 = (host.port_guid.value for host in ARTICLE.hosts)
VF5: Final = ARTICLE.host("node003").vf_node(0)
UNUSED: Final = SeenVf(0x0200000000000001, 0x0200000000000001, 0x7FFF, "")


def model() -> Model:
    """Return two ports that are bound and plugged, one on each kind of adapter."""
    ports = [
        Port(mac, KEY, place, exists=True, bound_to=place, plugged={place})
        for mac, place in ((MAC4, ON4), (MAC5, ON5))
    ]
    return Model(frozenset({"node001", "node002"}), ports, {MAC4, MAC5})


def right() -> Seen:
    """Return what is to be seen of them."""

    def wire(guid: int, *entries: int) -> WirePort:
        return WirePort(guid, ACTIVE, (*entries, *[0] * (64 - len(entries))))

    members = {KEY: frozenset({NODE2, guid_of(MAC5)})}
    pcis = {place: str(ARTICLE.host(place.host).vf_pci(place.vf)) for place in (ON4, ON5)}
    return Seen(
        wires={
            "head": wire(HEAD, 0xFFFF, 0xFFF1),
            "node001": wire(NODE1, 0xFFFF),
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
            NeutronRow(mac, "ACTIVE", True, place.host, pcis[place], "ib_hostdev", KEY, 0)
            for mac, place in ((MAC4, ON4), (MAC5, ON5))
        ),
        other_keys=frozenset(),
        files={"head": members, "node001": members},
        digests={"head": "a", "node001": "a"},
    )


def test_what_is_right_passes() -> None:
    assert judge(model(), right(), ARTICLE) == []


def holds(node: str, *entries: int) -> Callable[[Seen], Seen]:
    return lambda seen: replace(
        seen, wires={**seen.wires, node: replace(seen.wires[node], table=entries)}
    )


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


@pytest.mark.parametrize(
    ("wrong", "invariant", "subject"),
    [
        (holds("node003", 0x7FFF, KEY | FULL), Invariant.NO_STRANGER, "node003"),
        (holds("node003", 0xFFFF), Invariant.NO_STRANGER, "node003"),
        (holds(VF5, KEY | FULL, 0x7FFF, OTHER_KEY), Invariant.NO_STRANGER, VF5),
        (holds("node001", 0xFFFF, 0xFFF1), Invariant.NO_STRANGER, "node001"),
        (holds("node002", 0x7FFF), Invariant.NO_ABSENTEE, "node002"),
        (holds("node002", 0x7FFF, KEY), Invariant.NO_ABSENTEE, "node002"),
        (holds(VF5, 0x7FFF, KEY | FULL), Invariant.NO_ABSENTEE, f"port {MAC5} of 0x0201"),
        (shows(FREE4, guid=guid_of(MAC5)), Invariant.NO_RELIC, str(FREE4)),
        (shows(FREE4, entry=KEY | FULL), Invariant.NO_RELIC, str(FREE4)),
        (shows(ON4, entry=None), Invariant.NO_ABSENTEE, f"port {MAC4} of 0x0201"),
        (shows(ON5, node_guid=0), Invariant.NOTHING_LOST, f"port {MAC5} of 0x0201"),
        (shows(ON5, policy="Down"), Invariant.NO_ABSENTEE, f"port {MAC5} of 0x0201"),
        (has_row(status="DOWN"), Invariant.NOTHING_LOST, f"port {MAC4} of 0x0201"),
        (has_row(host="node003"), Invariant.NOTHING_LOST, f"port {MAC4} of 0x0201"),
        (has_row(mac=MAC4[:-1] + "9"), Invariant.NOTHING_LOST, f"port {MAC4} of 0x0201"),
        (
            lambda seen: replace(seen, digests={"head": "a", "node001": "b"}),
            Invariant.NOTHING_LOST,
            "the partitions files",
        ),
        (
            lambda seen: replace(seen, attached={ON5: MAC5}),
            Invariant.NOTHING_LOST,
            str(ON4),
        ),
        (
            lambda seen: replace(seen, masters=frozenset()),
            Invariant.NOTHING_LOST,
            "the master subnet manager",
        ),
        (
            lambda seen: replace(seen, files={"head": {}, "node001": {}}),
            Invariant.NO_EARLY_ACTIVE,
            f"port {MAC4} of 0x0201",
        ),
    ],
)
def test_what_is_wrong_is_named(
    wrong: Callable[[Seen], Seen], invariant: Invariant, subject: str
) -> None:
    found = judge(model(), wrong(right()), ARTICLE)

    assert (invariant, subject) in [(each.invariant, each.subject) for each in found]


def test_a_port_that_is_active_and_not_plugged_is_named() -> None:
    told = model()
    told.ports[0].plugged.clear()

    found = judge(told, right(), ARTICLE)

    subject = f"port {MAC4} of 0x0201"
    assert (Invariant.NO_EARLY_ACTIVE, subject) in [(f.invariant, f.subject) for f in found]
    assert (Invariant.NO_RELIC, str(ON4)) in [(f.invariant, f.subject) for f in found]


def test_members_are_read_from_the_text_of_a_partitions_file() -> None:
    text = (
        "Default=0x7fff,indx0: ALL=limited, SELF=full, 0x0000000000000001=full;\n"
        "# a=0x0001: 0x0000000000000009=full;\n"
        "n0201=0x0201,ipoib: 0x0000000000000002=full, 0x0000000000000003=limited;\n"
        "n0201=0x0201,ipoib,indx0: 0x0000000000000004=full;\n"
    )

    assert members_in(text) == {0x7FFF: {1}, 0x201: {2, 4}}

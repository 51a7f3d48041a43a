# SPDX-License-Identifier: Apache-2.0
"""A GUID that is met twice: one node by two ways, or two nodes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cabled_nodes import Cables, Node, adapter, switch
from ibstack.fabric.guid import Guid
from ibstack.mad import FabricMap, GuidOf
from ibstack.mad.datagrams import NodeType, PortState

OWN, LEAF, SPINE = 0x100, 0xA00, 0xB00
X, Y, Z = 0x200, 0x300, 0x400


def star(*ends: Node) -> Cables:
    """Return our adapter and *ends*, each at its own port of one switch."""
    own, leaf = adapter("own", OWN), switch("leaf", LEAF, ports=len(ends) + 2)
    own.connect(1, leaf, 1)
    for number, end in enumerate(ends, 2):
        end.connect(min(end.port_guids), leaf, number)
    return Cables(own)


def shared(found: FabricMap) -> dict[tuple[GuidOf, int], list[str]]:
    return {(d.of, d.guid.value): [p.place for p in d.ports] for d in found.duplicates}


def names(found: FabricMap) -> list[str]:
    return sorted(str(port.description) for port in found.ends)


def test_each_port_says_where_its_cable_ends() -> None:
    found = star(adapter("x", X)).walk()

    assert {port.description: port.cabled_to for port in found.ends} == {
        "own": (Guid(LEAF), 1),
        "x": (Guid(LEAF), 2),
        "leaf": None,
    }


def test_two_adapters_with_one_port_guid_are_both_shown_and_the_active_one_serves() -> None:
    idle = adapter("idle", X, state=PortState.INITIALIZE)
    for ends in ([idle, adapter("serves", X, lid=7)], [adapter("serves", X, lid=7), idle]):
        found = star(*(adapter(e.name, e.node_guid, lid=e.lid, state=e.state) for e in ends)).walk()

        assert found.problems == ()
        assert names(found) == ["idle", "leaf", "own", "serves"]
        assert found.ports[Guid(X + 1)].description == "serves"
        assert [twin.description for twin in found.twins] == ["idle"]
        at = {end.name: f"{end.name} at port {n} of switch {Guid(LEAF)}" for n, end in
              enumerate(ends, 2)}  # fmt: skip
        assert shared(found) == {(GuidOf.PORT, X + 1): [at["serves"], at["idle"]]}


def test_their_tables_are_read_by_their_routes_for_both_may_have_one_lid() -> None:
    found = star(adapter("a", X, lid=7), adapter("b", X, lid=7)).walk()

    assert {(end.description, end.shares_guid) for end in found.ends} == {
        ("own", False), ("leaf", False), ("a", True), ("b", True),
    }  # fmt: skip


def test_a_port_with_the_guid_of_our_own_is_another_one() -> None:
    found = star(adapter("thief", OWN), adapter("x", X)).walk()

    assert names(found) == ["leaf", "own", "thief", "x"]
    assert list(shared(found)) == [(GuidOf.PORT, OWN + 1)]


def test_two_adapters_with_one_node_guid_are_named() -> None:
    other = adapter("other", Y)
    other.node_guid = X
    found = star(adapter("x", X), other).walk()

    assert found.twins == ()
    assert shared(found) == {
        (GuidOf.NODE, X): [
            f"other at port 3 of switch {Guid(LEAF)}", f"x at port 2 of switch {Guid(LEAF)}",
        ],
    }  # fmt: skip


def test_an_adapter_with_two_ports_is_one_node() -> None:
    own, leaf = adapter("own", OWN), switch("leaf", LEAF)
    two = Node("two", NodeType.CHANNEL_ADAPTER, X, {1: X + 1, 2: X + 2}, 2)
    own.connect(1, leaf, 1)
    two.connect(1, leaf, 2)
    two.connect(2, leaf, 3)

    found = Cables(own).walk()

    assert found.duplicates == ()
    assert names(found) == ["leaf", "own", "two", "two"]


def test_our_own_second_port_is_no_twin() -> None:
    own = Node("own", NodeType.CHANNEL_ADAPTER, OWN, {1: OWN + 1, 2: OWN + 2}, 2)
    leaf = switch("leaf", LEAF)
    own.connect(1, leaf, 1)
    own.connect(2, leaf, 5)

    found = Cables(own).walk()

    assert (found.duplicates, found.problems) == ((), ())
    assert sorted(found.ports) == [Guid(OWN + 1), Guid(OWN + 2), Guid(LEAF)]


def test_many_ports_with_one_guid_are_one_duplicate_with_every_place() -> None:
    found = star(*(adapter(f"n{number}", X) for number in range(200))).walk()

    (duplicate,) = found.duplicates
    assert len(duplicate.ports) == 200
    assert len({port.place for port in duplicate.ports}) == 200
    assert len(found.ends) == 202


def test_a_port_guid_of_zero_is_named_with_its_place_and_a_node_guid_of_zero_hides_no_port() -> (
    None
):
    nameless = adapter("nameless", X)
    nameless.node_guid = 0
    another = adapter("another", Y)
    another.node_guid = 0
    lost = adapter("lost", Z)
    lost.port_guids[1] = 0
    found = star(nameless, another, lost).walk()

    assert found.duplicates == ()
    assert found.ports[Guid(X + 1)].node_guid is None
    (problem,) = found.problems
    assert "directed route 0,1,4" in problem
    assert "zero means that no GUID is set" in problem
    assert found.silent_nodes == 1


def two_leaves(guid: int, *, lids: tuple[int, int], names: tuple[str, str]) -> tuple[Cables, Node]:
    """Return a spine with two leaves that have one GUID, and a host at each of them."""
    own, spine = adapter("own", OWN), switch("spine", SPINE)
    leaves = [switch(name, guid, lid=lid) for name, lid in zip(names, lids, strict=True)]
    own.connect(1, spine, 8)
    for number, (leaf, host) in enumerate(zip(leaves, (X, Y), strict=True), 1):
        leaf.connect(7, spine, 2 * number)
        leaf.connect(8, spine, 2 * number + 1)  # Two ways lead to each of them.
        adapter(f"host{number}", host).connect(1, leaf, 1)
    return Cables(own), spine


def test_two_switches_with_one_guid_are_told_apart_and_what_is_behind_both_is_found() -> None:
    for lids, said in (((3, 4), ("s", "s")), ((0, 0), ("s1", "s2"))):
        found = two_leaves(LEAF, lids=lids, names=said)[0].walk()

        assert found.problems == ()
        assert names(found) == sorted(["own", "spine", "host1", "host2", *said])
        ((of, guid),) = shared(found)
        assert (of, guid) == (GuidOf.PORT, LEAF)
        assert len(found.duplicates[0].ports) == 2


def test_two_switches_that_say_the_same_of_themselves_cannot_be_told_apart_and_that_is_said() -> (
    None
):
    found = two_leaves(LEAF, lids=(3, 3), names=("s", "s"))[0].walk()

    assert found.duplicates == ()
    assert all("cannot tell whether the switches at" in problem for problem in found.problems)
    assert found.problems


def test_a_switch_that_many_ways_lead_to_is_one() -> None:
    own, leaf = adapter("own", OWN), switch("leaf", LEAF)
    own.connect(1, leaf, 1)
    spines = [switch(f"spine{n}", SPINE + n) for n in range(2)]
    far = switch("far", 0xC00)
    for number, spine in enumerate(spines):
        for each in range(2):
            leaf.connect(2 + 2 * number + each, spine, 1 + each)
            far.connect(2 + 2 * number + each, spine, 3 + each)
    leaf.connect(7, leaf, 8)  # A cable from a switch to itself,
    far.connect(8, far, 8)  # and a loopback plug.
    adapter("x", X).connect(1, far, 1)

    found = Cables(own).walk()

    assert (found.problems, found.duplicates, found.twins) == ((), (), ())
    assert names(found) == ["far", "leaf", "own", "spine0", "spine1", "x"]


def test_a_switch_and_an_adapter_with_one_guid_are_two() -> None:
    found = star(adapter("x", LEAF - 1)).walk()

    assert names(found) == ["leaf", "own", "x"]
    assert list(shared(found)) == [(GuidOf.PORT, LEAF)]


@st.composite
def fabrics(draw: st.DrawFn) -> tuple[Node, list[Node]]:
    """Draw switches, all joined and with further cables between them, and adapters at them."""
    switches = [switch(f"s{n}", 0x1000 + n, ports=16) for n in range(draw(st.integers(1, 4)))]
    free = {each: iter(range(1, 17)) for each in switches}
    for number, each in enumerate(switches[1:], 1):
        other = switches[draw(st.integers(0, number - 1))]
        each.connect(next(free[each]), other, next(free[other]))
    for _ in range(draw(st.integers(0, 4))):
        one, two = (draw(st.sampled_from(switches)) for _ in range(2))
        one.connect(next(free[one]), two, next(free[two]))
    ends = [adapter("own", OWN)]
    ends += [adapter(f"h{n}", 0x2000 + 16 * n) for n in range(draw(st.integers(0, 6)))]
    for end in ends:
        at = draw(st.sampled_from(switches))
        end.connect(1, at, next(free[at]))
    return ends[0], [*switches, *ends]


@given(fabrics())
@settings(max_examples=150)
def test_where_every_guid_is_one_nodes_no_way_around_makes_a_duplicate(
    drawn: tuple[Node, list[Node]],
) -> None:
    own, nodes = drawn
    found = Cables(own).walk()

    assert (found.problems, found.duplicates, found.twins) == ((), (), ())
    assert names(found) == sorted(node.name for node in nodes)


@given(fabrics(), st.data())
@settings(max_examples=150)
def test_whichever_adapters_share_a_guid_all_are_found_and_just_those_are_named(
    drawn: tuple[Node, list[Node]], data: st.DataObject
) -> None:
    own, nodes = drawn
    ends = [node for node in nodes if node.kind is not NodeType.SWITCH]
    sharing = data.draw(st.lists(st.sampled_from(ends), unique=True, max_size=len(ends)))
    for end in sharing:
        end.node_guid, end.port_guids = X, {1: X + 1}

    found = Cables(own).walk()

    assert found.problems == ()
    assert names(found) == sorted(node.name for node in nodes)
    said = [sorted(str(p.description) for p in d.ports) for d in found.duplicates]
    assert said == ([sorted(node.name for node in sharing)] if len(sharing) > 1 else [])

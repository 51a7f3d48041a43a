# SPDX-License-Identifier: Apache-2.0
"""Two ports with one GUID on a real OpenSM's fabric: it serves one; both are shown, and an alarm.

Seen on OpenSM 3.3.23: ERR 0D15 "Found 2 nodes with the same GUID"; the port that it found first has
a LID and keys, the other one stays in INITIALIZE with LID 0 for as long as both are there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PartitionKey
from ibstack.facts.fabric import recorded
from ibstack.facts.fabric.observed import read_fabric
from ibstack.facts.site import Site
from ibstack.mad import FabricReader, GuidOf, NodeType, NotKnown, PortState
from ibstack.subnet_manager.policy.drift import DriftClass
from ibstack.subnet_manager.settings import Limits, Settings
from ibstack.verify.check import State
from ibstack_lab.fabric.netfile import Wiring
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import ARTICLE
from one_daemon import until
from one_fabricd import Fabricd
from one_reconciler import MANAGERS, Keeper, Tenants, said_of_drift
from verify.judged import said_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack.mad import FabricMap

    ReaderAt = Callable[[str], FabricReader]

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
VICTIM = ARTICLE.host("node002")
SHARED = VICTIM.port_guid
TWIN = ARTICLE.host("node003").vf_node(0)
"""A node that is not plugged in from the start."""


class _WithTwin(Wiring):
    """The twin has two ports, and is to be plugged in by the second: GUID and number add up."""

    def net_file(self) -> str:
        own = self.cables[TWIN]
        before = f'caguid=0x{own.node_guid:x}\nCa 1 "{TWIN}"'
        assert before in super().net_file()
        after = f'caguid=0x{SHARED.value - 2:x}\nCa 2 "{TWIN}"'
        return super().net_file().replace(before, after)


@pytest.fixture
def wires(tmp_path: Path) -> Iterator[Fabric]:
    fabric = Fabric.of_lab(tmp_path, ARTICLE)
    fabric._wiring = _WithTwin(fabric._wiring.cables, fabric._wiring.leaves)
    try:
        fabric.start()
        yield fabric
    finally:
        fabric.stop()


def plug_twin(fabric: Fabric) -> None:
    cable = fabric._wiring.cables[TWIN]
    fabric._console(f'Link "{TWIN}"[2] "{cable.switch}"[{cable.switch_port}]', "plug the twin in")


def pull_twin(fabric: Fabric) -> None:
    fabric._console(f'Unlink "{TWIN}"[2]', "pull the twin's cable")


def states(found: FabricMap) -> dict[str | None, PortState]:
    return {end.description: end.state for end in found.ends if end.guid == SHARED}


@pytest.mark.parametrize("first", [VICTIM.name, TWIN])
def test_both_are_shown_and_the_one_that_opensm_serves_is_the_one_with_a_table(
    wires: Fabric, reader_at: ReaderAt, first: str
) -> None:
    second = TWIN if first == VICTIM.name else VICTIM.name
    if first == TWIN:
        wires.unlink(VICTIM.name)
        plug_twin(wires)
    wires.start_subnet_manager("head")
    reader = reader_at("head")
    until(lambda: states(reader.discover()) == {first: PortState.ACTIVE})
    plug_twin(wires) if second == TWIN else wires.link(VICTIM.name)

    until(lambda: "ERR 0D15" in wires.opensm_log("head").read_text())
    found = reader.discover()

    assert states(found) == {first: PortState.ACTIVE, second: PortState.INITIALIZE}
    assert found.problems == ()
    assert found.ports[SHARED].description == first
    assert [twin.description for twin in found.twins] == [second]
    (duplicate,) = found.duplicates
    assert (duplicate.of, duplicate.guid) == (GuidOf.PORT, SHARED)
    assert [port.description for port in duplicate.ports] == [first, second]
    served, left = reader.tables_of(duplicate.ports)
    assert not isinstance(served, NotKnown)
    assert not isinstance(left, NotKnown)
    assert (str(served[0]), str(left[0])) == ("0x7fff", "0xffff")


def test_verify_names_both_with_their_places_and_keeps_them_in_a_collection(
    wires: Fabric, reader_at: ReaderAt
) -> None:
    plug_twin(wires)

    look = read_fabric(reader_at("head"))

    assert recorded.load(recorded.dump(look), "fabric.json") == look
    (answer,) = said_by("unique-guids", Site(fabric=look))
    cable = wires._wiring.cables[TWIN]
    assert answer.state is State.FAILED
    assert f"{TWIN} at port {cable.switch_port} of switch" in str(answer.found)
    behind = {name for port in look.behind().values() for name in [port.node]}
    assert behind == {TWIN, *(host.name for host in ARTICLE.hosts)}


def test_two_adapters_with_one_node_guid_are_named(wires: Fabric, reader_at: ReaderAt) -> None:
    """ibsim refuses such a file, so it is made at run time; OpenSM would try again for ever."""
    wires._console(f'Guid "{TWIN}" 0x{VICTIM.node_guid.value:x}', "give the twin a node GUID")
    plug_twin(wires)

    found = reader_at("head").discover()

    assert found.twins == ()
    (duplicate,) = found.duplicates
    assert (duplicate.of, duplicate.guid) == (GuidOf.NODE, VICTIM.node_guid)
    assert {port.description for port in duplicate.ports} == {VICTIM.name, TWIN}


def test_two_adapters_with_both_guids_the_same_are_named_once(
    wires: Fabric, reader_at: ReaderAt
) -> None:
    wires.set_guid("node003", SHARED)

    found = reader_at("head").discover()

    (duplicate,) = found.duplicates
    assert (duplicate.of, duplicate.guid) == (GuidOf.PORT, SHARED)
    assert {port.description for port in duplicate.ports} == {VICTIM.name, "node003"}
    ends = [end for end in found.ends if end.node_type is NodeType.CHANNEL_ADAPTER]
    assert len(ends) == len(ARTICLE.hosts)


@pytest.fixture
def keeper(fabric: Fabric, tmp_path: Path) -> Keeper:
    settings = Settings(
        DEFAULT_OWNED_KEYS,
        MANAGERS,
        audit_interval_s=0.2,
        removal_grace_s=0.1,
        limits=Limits(read_back_s=0.5),
    )
    return Keeper(fabric, "head", Tenants(), tmp_path / "state", settings)


def test_fabricd_raises_an_alarm_and_what_is_in_force_stays(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    keeper.tenants.boot("p1", SHARED, RED, shared=True)
    keeper.until(lambda: keeper.tenants.in_force == {"p1"})
    published = keeper.path.read_text()

    plug_twin(keeper.fabric)
    keeper.until(lambda: bool(keeper.reconciler.status.drift))

    (drift,) = keeper.reconciler.status.drift or ()
    assert drift.kind is DriftClass.DUPLICATE_GUID
    assert drift.kind.alarm
    assert not drift.repairable
    assert str(drift).startswith(f"duplicate guid: {SHARED} the port GUID of {VICTIM.name} at port")
    assert f", {TWIN} at port" in str(drift)
    assert keeper.path.read_text() == published
    assert keeper.tenants.in_force == {"p1"}
    assert keeper.table(SHARED) == {"0x7fff", "0x8101"}

    pull_twin(keeper.fabric)
    keeper.until(lambda: keeper.reconciler.status.drift == ())
    levels = [level for level, line in said_of_drift(caplog) if "duplicate guid" in line]
    assert levels == ["ERROR", "INFO"]


def test_nothing_new_comes_in_by_a_guid_that_is_at_two_places_or_behind_another_node(
    keeper: Keeper,
) -> None:
    tenants, node = keeper.tenants, VICTIM.name
    tenants.boot("p1", SHARED, RED, shared=True)
    keeper.until(lambda: tenants.in_force == {"p1"})

    def is_told(words: str) -> bool:
        return any(words in problem for problem in keeper.reconciler.status.problems)

    plug_twin(keeper.fabric)
    keeper.until(lambda: is_told(f"{SHARED} of host '{node}' is at several places"))
    tenants.boot("p2", SHARED, BLUE, shared=True)
    keeper.until(lambda: keeper.reconciler.once().failures == ())
    assert keeper.table(SHARED) == {"0x7fff", "0x8101"}

    keeper.fabric.unlink(node)  # Now the twin is the one that OpenSM serves.
    keeper.until(lambda: is_told(f"of node {Guid(SHARED.value - 2)}"), limit_s=20)
    assert BLUE not in keeper.publication.read().published
    assert tenants.in_force == {"p1"}

    pull_twin(keeper.fabric)
    keeper.fabric.link(node)
    keeper.until(lambda: tenants.in_force == {"p1", "p2"}, limit_s=20)
    assert not is_told("of host")


def test_the_commands_show_both(fabric: Fabric, tmp_path: Path) -> None:
    daemon = Fabricd(fabric, tmp_path / "fabricd")
    daemon.want(("p1", SHARED, "0x0101"))
    try:
        daemon.process.start()
        daemon.until(lambda: daemon.in_force() == {"p1"})
        plug_twin(fabric)
        daemon.until(lambda: "ERR 0D15" in fabric.opensm_log("head").read_text())

        status, answer, _ = daemon.ibstack("audit", at="head")
        assert status == 3
        (row,) = answer
        assert (row["class"], row["alarm"], row["guid"]) == ("duplicate guid", True, str(SHARED))
        assert VICTIM.name in row["detail"]
        assert TWIN in row["detail"]

        status, answer, said = daemon.ibstack("show", "0x0101", at="head")
        assert status == 0
        assert [(row["guid"], row["host"], row["in_force"]) for row in answer] == [
            (str(SHARED), f"host of {SHARED}", True),
            (str(SHARED), TWIN, False),
        ]
        assert f"{SHARED} is the port GUID of {VICTIM.name}" in said
        assert json.dumps(answer)
    finally:
        daemon.process.stop()

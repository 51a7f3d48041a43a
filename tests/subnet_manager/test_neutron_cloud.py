# SPDX-License-Identifier: Apache-2.0
"""When Neutron is asked, and what holds while it cannot be."""

from collections.abc import Collection
from pathlib import Path

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import LeftVf, Member
from ibstack.fabric.partition import Membership, Partition, PartitionKey, Partitions
from ibstack.fabric.pci import PciAddress
from ibstack.neutron.protocol.replies import FabricMembers, Held
from ibstack.subnet_manager.fabricd.neutron_cloud import NeutronCloud
from ibstack.subnet_manager.reconcile import known_hosts_file
from ibstack.subnet_manager.reconcile.kept_members import KeptMembers
from ibstack.subnet_manager.reconcile.known_hosts_file import Remembered
from ibstack.subnet_manager.reconcile.published_members import PublishedMembers

A, B, VF = Guid(0xA), Guid(0xB), Guid(0xFA163E0000000001)


class Client:
    """A Neutron that keeps its members here."""

    def __init__(self) -> None:
        self.members: tuple[Member, ...] = ()
        self.held: tuple[Held, ...] = ()
        self.left: tuple[LeftVf, ...] = ()
        self.away = False
        self.asked = 0
        self.unknown: frozenset[str] = frozenset()

    def fabric_members(self, physical_network: str, etag: str | None = None) -> FabricMembers:
        self.asked += 1
        if self.away:
            raise TryLater("cannot ask Neutron: the broker is away")
        current = repr((self.members, self.held, self.left))
        members = None if etag == current else self.members
        return FabricMembers(current, members, self.held, self.left)

    def report_fabric(
        self, physical_network: str, etag: str, in_force: Collection[str]
    ) -> frozenset[str]:
        return self.unknown


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(client: Client, clock: Clock) -> NeutronCloud:
    return NeutronCloud(client, "ibhostnet", 10, clock)  # type: ignore[arg-type]


def member(port: str) -> Member:
    return Member(port, "h", Guid(1), PartitionKey(1), Membership.FULL, shared=False)


def ports(cloud: NeutronCloud) -> list[str]:
    desired = cloud.desired()
    assert desired is not None
    return [each.port_id for each in desired.members]


def test_it_asks_at_a_hint_and_at_the_interval_and_not_in_between(
    cloud: NeutronCloud, client: Client, clock: Clock
) -> None:
    assert ports(cloud) == []
    client.members = (member("p1"),)
    assert ports(cloud) == []
    assert client.asked == 1

    cloud.hint()
    assert ports(cloud) == ["p1"]
    client.members = (member("p1"), member("p2"))
    clock.now += 10
    assert ports(cloud) == ["p1", "p2"]
    assert client.asked == 3


def test_no_answer_yet_is_not_an_empty_one(cloud: NeutronCloud, client: Client) -> None:
    client.away = True

    with pytest.raises(TryLater):
        cloud.desired()


def test_the_last_answer_holds_while_neutron_is_away_and_it_is_asked_again(
    cloud: NeutronCloud, client: Client
) -> None:
    client.members = (member("p1"),)
    assert ports(cloud) == ["p1"]
    client.away = True
    cloud.hint()

    desired = cloud.desired()
    assert desired is not None
    assert desired.trouble is not None
    assert [each.port_id for each in desired.members] == ["p1"]

    client.away = False
    client.members = (member("p1"), member("p2"))
    assert ports(cloud) == ["p1", "p2"]


def test_ports_that_neutron_does_not_know_make_it_ask_again(
    cloud: NeutronCloud, client: Client
) -> None:
    ports(cloud)
    client.unknown = frozenset({"p9"})
    cloud.report("0", ["p9"])
    ports(cloud)

    assert client.asked == 2


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        (Held("p1", "its host reports no adapter", "h", PartitionKey(1)), ["p1"]),
        (Held("p1", "its host reports no adapter", "other", PartitionKey(1)), []),
        (Held("p1", "its host reports no adapter", "h", PartitionKey(2)), []),
        (Held("p2", "its host reports no adapter", "h", PartitionKey(1)), []),
        (Held("p1", "an older port has its MAC"), []),
    ],
    ids=["as it was", "on another host", "in another partition", "another port", "not its own"],
)
def test_a_port_whose_adapter_is_not_reported_keeps_what_it_has_there(
    cloud: NeutronCloud, client: Client, held: Held, kept: list[str]
) -> None:
    client.members = (member("p1"),)
    assert ports(cloud) == ["p1"]

    client.members, client.held = (), (held,)
    cloud.hint()
    assert ports(cloud) == kept

    # However often it is asked, and until Neutron takes the port away.
    cloud.hint()
    assert ports(cloud) == kept
    client.held = ()
    cloud.hint()
    assert ports(cloud) == []


def test_what_a_port_keeps_is_kept_over_a_restart(client: Client, tmp_path: Path) -> None:
    def started() -> NeutronCloud:
        return NeutronCloud(client, "ibhostnet", 10, kept=KeptMembers(tmp_path))  # type: ignore[arg-type]

    client.members = (member("p1"), member("p2"))
    cloud = started()
    assert ports(cloud) == ["p1", "p2"]
    assert not (tmp_path / "kept-members.json").exists(), "nothing is kept yet"
    client.members = ()
    client.held = tuple(Held(p, "no adapter", "h", PartitionKey(1)) for p in ("p1", "p2"))
    cloud.hint()
    assert ports(cloud) == ["p1", "p2"]

    client.held = client.held[:1]
    assert ports(started()) == ["p1"]
    client.held = ()
    assert ports(started()) == []
    client.held = (Held("p1", "no adapter", "h", PartitionKey(1)),)
    assert ports(started()) == [], "what was taken away does not come back"


def held_at_start(
    client: Client, folder: Path, hosts: dict[str, dict[Guid, bool | None]]
) -> set[tuple[str, Guid]]:
    """Return what the held ports p1 (key 1) and p2 (key 2) of host h have when a fabricd starts.

    By the file A and B are in partition 1, and a VF of somebody.
    """
    known_hosts_file.write(folder / "known_hosts.json", Remembered(hosts))
    members = dict.fromkeys((A, B, VF), Membership.FULL)
    published = {PartitionKey(1): Partition(PartitionKey(1), members)}
    client.held = tuple(Held(f"p{key}", "no adapter", "h", PartitionKey(key)) for key in (1, 2))
    cloud = NeutronCloud(
        client,  # type: ignore[arg-type]
        "ibhostnet",
        10,
        kept=KeptMembers(folder),
        published=PublishedMembers(folder, lambda: published),
    )
    found = cloud.desired()
    assert found is not None
    return {(one.port_id, one.guid) for one in found.members if one.shared}


@pytest.mark.parametrize(
    ("ports_of_h", "kept"),
    [
        ({A: True}, {("p1", A)}),
        ({A: True, B: True}, {("p1", A), ("p1", B)}),
        ({A: False}, set()),
        ({A: None}, set()),
        ({Guid(0xC): True}, set()),
        ({}, set()),
    ],
    ids=["one", "two", "VFs have their own", "not known", "not in the file", "no port"],
)
def test_what_stopped_being_reported_while_no_fabricd_ran_is_kept_by_the_file(
    client: Client,
    tmp_path: Path,
    ports_of_h: dict[Guid, bool | None],
    kept: set[tuple[str, Guid]],
) -> None:
    assert held_at_start(client, tmp_path, {"h": ports_of_h, "other": {B: True}}) == kept
    # It is written down, and goes on as what a fabricd has seen held.
    stored = {(one.port_id, one.guid) for one in KeptMembers(tmp_path).load()}
    assert stored == kept


def test_what_a_file_cannot_tell_is_not_kept(client: Client, tmp_path: Path) -> None:
    def unreadable() -> Partitions:
        raise TryLater("cannot read the file")

    known_hosts_file.write(tmp_path / "known_hosts.json", Remembered({"h": {A: True}}))
    held = "p1", "h", PartitionKey(1)
    assert not [*PublishedMembers(tmp_path, unreadable).of([held])]
    (tmp_path / "known_hosts.json").write_text("{")
    assert not [*PublishedMembers(tmp_path, dict).of([held])]


def test_the_file_is_no_word_of_what_is_held_later(client: Client, tmp_path: Path) -> None:
    """What a fabricd has seen leave comes back by Neutron's word alone."""
    known_hosts_file.write(tmp_path / "known_hosts.json", Remembered({"h": {A: True}}))
    members = {A: Membership.FULL}
    published = {PartitionKey(1): Partition(PartitionKey(1), members)}
    source = PublishedMembers(tmp_path, lambda: published)
    cloud = NeutronCloud(client, "n", 10, published=source)  # type: ignore[arg-type]
    assert ports(cloud) == []

    client.held = (Held("p1", "no adapter", "h", PartitionKey(1)),)
    cloud.hint()
    assert ports(cloud) == []


@pytest.mark.parametrize("text", ["", "{}", '[["p1"]]', "null"])
def test_a_broken_record_keeps_nothing(client: Client, tmp_path: Path, text: str) -> None:
    (tmp_path / "kept-members.json").write_text(text)
    client.held = (Held("p1", "no adapter", "h", PartitionKey(1)),)

    assert ports(NeutronCloud(client, "n", 10, kept=KeptMembers(tmp_path))) == []  # type: ignore[arg-type]


def test_who_only_looks_writes_nothing(client: Client, tmp_path: Path) -> None:
    client.members = (member("p1"),)
    looks = NeutronCloud(client, "n", 10, kept=KeptMembers(tmp_path, remembers=False))  # type: ignore[arg-type]
    ports(looks)
    client.members, client.held = (), (Held("p1", "no adapter", "h", PartitionKey(1)),)
    looks.hint()

    assert ports(looks) == ["p1"]
    assert list(tmp_path.iterdir()) == []


def test_vfs_that_are_attached_without_a_port_are_known_while_neutron_is_away(
    cloud: NeutronCloud, client: Client
) -> None:
    client.left = (LeftVf("node002", PciAddress.parse("0000:05:00.1"), Guid(0x77)),)
    cloud.hint()
    found = [cloud.desired()]
    client.away = True
    cloud.hint()
    found.append(cloud.desired())

    for one in found:
        assert one is not None
        assert [(vf.host, vf.guid) for vf in one.left] == [("node002", Guid(0x77))]

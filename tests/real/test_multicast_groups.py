# SPDX-License-Identifier: Apache-2.0
"""Which multicast groups a real OpenSM makes of a partitions file, and what changes one that lives.

Expected before it was run: what the manual says, that a reload is enough.  Seen on OpenSM 3.3.23:

| what is done | the group |
|---|---|
| `mtu=`, `rate=`, `Q_Key=` changed, or `ipoib` taken away; SIGHUP | stays as it was made |
| `ipoib` added to a partition without a group; SIGHUP | is made |
| all that had joined leave | stays |
| partition out of the file and in again, a sweep each, somebody joined | stays |
| the same, nobody joined | is made anew |
| OpenSM restarted, or a standby takes over | is made anew, by its own file |
| an IP group in a scope other than 2 | is refused (ERR 1B1B) |
"""

from __future__ import annotations

import os
import signal
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange, PartitionKey
from ibstack.facts.fabric.groups import parse_saquery
from ibstack.facts.fabric.sa_dump import NoGroups, SaDump
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.strict import parse
from ibstack.subnet_manager.opensm.multicast_groups import differences, wanted_groups
from ibstack.subnet_manager.policy.drift import DriftClass
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.topology import ARTICLE
from multicast_client import join, leave
from one_daemon import until
from one_fabricd import Fabricd
from one_reconciler import MANAGERS, Keeper, Tenants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ibstack.facts.fabric.multicast_group import MulticastGroup
    from ibstack.facts.fabric.sa_dump import Groups
    from ibstack_lab.fabric.simulated import Fabric

    OnFabric = Callable[..., str]

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
MEMBERS = ", ".join(f"{ARTICLE.host(name).port_guid}=full" for name in ("node002", "node003"))
FULL = ", ".join(f"{guid}=full" for guid in sorted(MANAGERS))
DEFAULT = f"Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, {FULL};\n"


def write(fabric: Fabric, text: str, host: str = "head") -> None:
    path = fabric.partitions_conf(host)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(DEFAULT + text)
    fresh.rename(path)


def reload(fabric: Fabric, text: str, host: str = "head") -> None:
    """Write the file, and wait until OpenSM has swept with it."""
    write(fabric, text, host)
    log = fabric.opensm_log(host)
    before = log.stat().st_size
    os.kill(int(fabric.opensm_pid_file(host).read_text().split()[0]), signal.SIGHUP)
    until(lambda: b"SUBNET UP" in log.read_bytes()[before:])


def groups(fabric: Fabric, host: str = "head") -> Groups:
    found = SaDump(fabric.sa_dump(host)).read()
    return {} if isinstance(found, NoGroups) else found


def broadcast_mgid(key: PartitionKey) -> IPv6Address:
    return IPv6Address(f"ff12:401b:{key.base | 0x8000:x}::ffff:ffff")


def red(fabric: Fabric, host: str = "head") -> MulticastGroup | None:
    return groups(fabric, host).get(broadcast_mgid(RED))


def asked(text: str) -> MulticastGroup:
    return wanted_groups(parse(text.encode(), "f"))[broadcast_mgid(RED)]


USUAL = f"a=0x0101,ipoib: {MEMBERS};\n"
OTHER = f"a=0x0101,ipoib,rate=2,Q_Key=0x55: {MEMBERS};\n"


@pytest.fixture
def master(wires: Fabric) -> Fabric:
    """Head's OpenSM alone, with RED as usual."""
    write(wires, USUAL)
    wires.start_subnet_manager("head")
    until(lambda: red(wires) == asked(USUAL))
    return wires


def test_a_reload_leaves_a_group_as_it_is_and_makes_a_new_one(master: Fabric) -> None:
    reload(master, f"{OTHER}b=0x0102,ipoib: {MEMBERS};\n")
    until(lambda: broadcast_mgid(BLUE) in groups(master))
    assert red(master) == asked(USUAL)

    reload(master, f"a=0x0101: {MEMBERS};\nc=0x0103,ipoib: {MEMBERS};\n")
    until(lambda: broadcast_mgid(PartitionKey(0x0103)) in groups(master))
    assert red(master) == asked(USUAL)


def test_a_group_is_made_anew_when_its_partition_was_away_and_nobody_had_joined(
    master: Fabric,
) -> None:
    mgid = broadcast_mgid(RED)
    assert join(master, "node002", mgid) == 0
    reload(master, f"b=0x0102,ipoib: {MEMBERS};\n")
    reload(master, f"{OTHER}c=0x0103,ipoib: {MEMBERS};\n")
    until(lambda: broadcast_mgid(PartitionKey(0x0103)) in groups(master))
    assert red(master) == asked(USUAL)

    assert leave(master, "node002", mgid) == 0
    reload(master, f"{OTHER}d=0x0104,ipoib: {MEMBERS};\n")
    until(lambda: broadcast_mgid(PartitionKey(0x0104)) in groups(master))
    assert red(master) == asked(USUAL)

    reload(master, "")
    reload(master, OTHER)
    until(lambda: red(master) == asked(OTHER))


def test_a_restart_makes_groups_anew(master: Fabric) -> None:
    assert join(master, "node002", broadcast_mgid(RED)) == 0
    write(master, OTHER)
    master.stop_subnet_manager("head")
    master.start_subnet_manager("head")

    until(lambda: red(master) == asked(OTHER))


def test_a_standby_that_takes_over_makes_them_by_its_own_file(master: Fabric) -> None:
    write(master, OTHER, "node001")
    master.start_subnet_manager("node001")
    reload(master, OTHER)
    assert red(master) == asked(USUAL)

    master.kill_subnet_manager("head")

    until(lambda: red(master, "node001") == asked(OTHER))


def test_only_members_are_told_of_a_group_and_the_subnet_managers_host_is_not(
    master: Fabric, on_fabric: OnFabric
) -> None:
    for words in (("saquery", "-g"), ("saquery", "--smkey", "1", "-g")):
        assert parse_saquery(on_fabric("head", *words)) == {}

    (told,) = parse_saquery(on_fabric("node002", "saquery", "-g")).values()

    assert told.q_key is None
    assert differences(asked(USUAL), told) is None


FLAGS = {
    "rate": st.integers(2, 22),
    "mtu": st.integers(1, 5),
    "sl": st.integers(0, 15),
    "Q_Key": st.sampled_from([0, 1, 0xB1B, 0x80010000, 0xFFFFFFFF]),
    "TClass": st.integers(0, 255),
    "FlowLabel": st.integers(0, 0xFFFFF),
    "scope": st.integers(0, 15),
}
_PARTITIONS_OWN = ("rate", "mtu")
"""OpenSM refuses an IP group with another rate or MTU than its partition's."""


@st.composite
def flags(draw: st.DrawFn, *, of_a_group: bool = False) -> list[str]:
    names = [name for name in FLAGS if not (of_a_group and name in _PARTITIONS_OWN)]
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    spelt = draw(st.sampled_from(["{}", "0x{:x}"]))
    return [f"{name}={spelt.format(draw(FLAGS[name]))}" for name in chosen]


@st.composite
def site_files(draw: st.DrawFn) -> str:
    """Draw statements, some of them twice for one key, with groups of their own."""
    text = ""
    keys = draw(st.lists(st.integers(0x0101, 0x0110), min_size=8, max_size=16))
    for key in keys:
        head = [f"0x{key:x}", *draw(flags())]
        ipoib = draw(st.booleans())
        head += ["ipoib"] if ipoib else []
        text += f"p{key:x}={','.join(head)}: {MEMBERS}"
        for number in range(draw(st.integers(0, 2))):
            signature = "401b" if ipoib and draw(st.booleans()) else "abcd"
            place = f"{key:x}" if signature == "abcd" else "0"
            mgid = f"ff1{draw(st.integers(0, 15)):x}:{signature}::{place}:{number + 1}"
            text += f",\n mgid={','.join([mgid, *(draw(flags(of_a_group=True)) or ['sl=0'])])}"
            text += f"\n {ARTICLE.host('node002').port_guid}=full"
        text += ";\n"
    return text


@given(site_files())
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_opensm_makes_the_groups_that_we_read_in_a_file(wires: Fabric, text: str) -> None:
    assume(read(text.encode()).refused is None)
    wires.stop_subnet_manager("head")
    wires.sa_dump("head").unlink(missing_ok=True)
    write(wires, f"{text}last=0x0fff,ipoib: {MEMBERS};\n")
    wires.start_subnet_manager("head")
    until(lambda: broadcast_mgid(PartitionKey(0x0FFF)) in groups(wires))

    there = groups(wires)
    wanted = wanted_groups(read(wires.partitions_conf("head").read_bytes()).statements)

    assert there.keys() == wanted.keys()
    assert {str(m): differences(wanted[m], there[m]) for m in there} == dict.fromkeys(
        map(str, there)
    )


@pytest.fixture
def keeper(fabric: Fabric, tmp_path: Path) -> Keeper:
    site = tmp_path / "site.conf"
    site.write_text(f"site=0x7fe0,ipoib: {MEMBERS};\n")
    chosen = Settings(
        KeyRange.parse("0x0001-0x7000"),
        MANAGERS,
        site_partitions=site,
        audit_interval_s=0.2,
        removal_grace_s=0.1,
        sa_dump=fabric.sa_dump("head"),
        groups_settled_s=1.5,
    )
    return Keeper(fabric, "head", Tenants(), tmp_path / "state", chosen)


def test_fabricd_names_a_group_that_a_site_has_changed_in_vain_until_opensm_is_restarted(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    site = keeper.settings.site_partitions
    assert site is not None
    keeper.tenants.boot("p1", ARTICLE.host("node002").port_guid, RED, shared=True)
    keeper.until(lambda: keeper.tenants.in_force == {"p1"})
    keeper.until(lambda: keeper.reconciler.numbers.knows_groups and len(
        groups(keeper.fabric)) == 2)  # fmt: skip

    site.write_text(f"site=0x7fe0,ipoib,rate=2,Q_Key=0x55: {MEMBERS};\n")
    keeper.until(lambda: bool(keeper.reconciler.status.drift), limit_s=20)

    (drift,) = keeper.reconciler.status.drift or ()
    assert str(drift) == (
        "group differs: 0xffe0 ff12:401b:ffe0::ffff:ffff: rate is 10 Gb/s, and not 2.5 Gb/s,"
        " Q_Key is 0xb1b, and not 0x55"
    )
    assert keeper.reconciler.numbers.repairs == 0

    keeper.fabric.stop_subnet_manager("head")
    keeper.fabric.stop_subnet_manager("node001")
    keeper.fabric.start_subnet_manager("head")
    keeper.until(lambda: keeper.reconciler.status.drift == (), limit_s=20)
    levels = [r.levelname for r in caplog.records if "group differs" in r.getMessage()]
    assert levels[0] == "WARNING"


def test_the_audit_command_names_it_on_the_masters_host(fabric: Fabric, tmp_path: Path) -> None:
    site = tmp_path / "site.conf"
    site.write_text(f"site=0x7fe0,ipoib: {MEMBERS};\n")
    lines = f"owned_keys = 0x0001-0x0fff\nsite_partitions = {site}\n"
    lines += f"sa_dump = {fabric.sa_dump('head')}\n"
    daemon = Fabricd(fabric, tmp_path / "fabricd", settings=lines)
    daemon.want(("p1", ARTICLE.host("node002").port_guid, "0x0101"))
    path = fabric.partitions_conf("head")
    try:
        daemon.process.start()
        daemon.until(lambda: daemon.in_force() == {"p1"})
        daemon.until(lambda: len(groups(fabric)) == 2)
        status, answer, said = daemon.ibstack("audit", at="head")
        assert (status, answer) == (0, [])
        assert "the partitions file was written less than 15 s ago" in said

        site.write_text(f"site=0x7fe0,ipoib,mtu=5: {MEMBERS};\n")
        daemon.until(lambda: "mtu=5" in path.read_text())
        os.utime(path, (1, 1))  # It has stood for long.
        status, answer, said = daemon.ibstack("audit", at="head")
        assert status == 3
        (row,) = answer
        assert (row["class"], row["alarm"], row["entry"]) == ("group differs", False, "0xffe0")
        assert "mtu is 2048 bytes, and not 4096 bytes" in row["detail"]

        status, answer, said = daemon.ibstack("audit", at="node001")
        assert (status, answer) == (0, [])
        assert "the subnet manager on this host is not the master" in said
    finally:
        daemon.process.stop()


def test_each_of_our_own_groups_is_there(fabric: Fabric, tmp_path: Path) -> None:
    settings = Settings(
        DEFAULT_OWNED_KEYS,
        MANAGERS,
        audit_interval_s=0.2,
        sa_dump=fabric.sa_dump("head"),
        groups_settled_s=0.5,
    )
    keeper = Keeper(fabric, "head", Tenants(), tmp_path / "state", settings)
    for number in range(1, 30):
        guid = ARTICLE.host("node002").port_guid
        keeper.tenants.boot(f"p{number}", guid, PartitionKey(number), shared=True)
    keeper.until(lambda: len(keeper.tenants.in_force) == 29)
    looks = keeper.reconciler.numbers.audits
    keeper.until(lambda: keeper.reconciler.numbers.audits > looks + 5)

    drift = keeper.reconciler.status.drift or ()
    assert [each for each in drift if each.kind is not DriftClass.TABLE_FULL] == []
    assert keeper.reconciler.numbers.knows_groups

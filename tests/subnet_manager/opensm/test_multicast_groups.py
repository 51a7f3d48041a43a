# SPDX-License-Identifier: Apache-2.0
"""What a partitions file asks for of multicast groups, and what is said of those that differ."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.facts.fabric.groups import parse_saquery
from ibstack.facts.fabric.multicast_group import MulticastGroup
from ibstack.facts.fabric.sa_dump import NoGroups, SaDump, only_groups, parse_dump, too_old
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.strict import parse
from ibstack.subnet_manager.opensm.group_audit import GroupWatch, audit_groups
from ibstack.subnet_manager.opensm.multicast_groups import differences, wanted_groups
from ibstack.subnet_manager.policy.both_audits import both
from ibstack.subnet_manager.policy.drift import Audit, DriftClass, ObservedPort, Survey
from ibstack.subnet_manager.settings import SETTLED_S

if TYPE_CHECKING:
    from pathlib import Path

RED = PartitionKey(0x0101)
MGID = IPv6Address("ff12:401b:8101::ffff:ffff")
USUAL = MulticastGroup(MGID, RED, mtu=4, rate=3, sl=0, q_key=0xB1B, tclass=0, flow_label=0)
LINE = (
    "MC Group 0xc000  (well known): mgid=0xff12401b81010000:0x00000000ffffffff"
    " port_gid=0x0000000000000000:0x0000000000000000 qkey=0x00000b1b mlid=0xc000 mtu=0x84"
    " tclass=0x00 pkey=0x8101 rate=0x83 pkt_life=0x92 sl_flow_hop=0x00000000 scope_state=0x21"
    " proxy_join=0x0\n"
)
JOINED = (
    "\nmcm_port: port_gid=0xfe80000000000000:0x0002c90300000031 scope_state=0x21 proxy_join=0x0\n"
)
"""Both written by OpenSM 3.3.23."""


def wanted(text: str) -> dict[str, MulticastGroup]:
    said = read(text.encode()).statements
    return {str(mgid): group for mgid, group in wanted_groups(said).items()}


def test_a_partition_with_ipoib_has_its_broadcast_group_and_one_without_has_none() -> None:
    assert wanted("a=0x0101,ipoib: 0x31=full;\nb=0x0102: 0x31=full;\n") == {
        "ff12:401b:8101::ffff:ffff": USUAL
    }


def test_the_first_word_on_a_group_counts_and_its_own_flags() -> None:
    text = "a=0x0101: 0x31;\na=0x0101,ipoib,mtu=5,Q_Key=0x55,scope=5,rate=7: 0x31;\n"
    text += "a=0x0101,ipoib,mtu=4: 0x32;\n"

    (group,) = wanted(text).values()
    assert group == replace(USUAL, mtu=5, rate=7, q_key=0x55)


def test_listed_groups_take_their_partitions_flags_but_tclass_and_their_scope() -> None:
    flags = "ipoib,mtu=5,TClass=7,sl=3"
    found = wanted(f"a=0x0101,{flags}: 0x31,\n mgid=ff15:401b::16,Q_Key=0x9\n 0x32;\n")

    assert found["ff12:401b:8101::16"] == replace(
        USUAL, mgid=IPv6Address("ff12:401b:8101::16"), mtu=5, sl=3, q_key=9
    )
    other = wanted("a=0x0101,scope=2,scope=5: 0x31,\n mgid=ff18:abcd::7,scope=8\n0x32;\n")
    assert [*other] == ["ff12:abcd::7", "ff15:abcd::7", "ff18:abcd::7"]
    assert {group.q_key for group in other.values()} == {0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"mtu": 5}, "mtu is 4096 bytes, and not 2048 bytes"),
        ({"rate": 16}, "rate is 100 Gb/s, and not 10 Gb/s"),
        ({"rate": 63}, "rate is code 63, and not 10 Gb/s"),
        ({"q_key": 0x55, "sl": 2}, "sl is 2, and not 0, Q_Key is 0x55, and not 0xb1b"),
        ({"q_key": None, "tclass": None, "flow_label": None}, None),
    ],
)
def test_what_differs_is_said_in_words(changes: dict[str, int], said: str | None) -> None:
    assert differences(USUAL, replace(USUAL, **changes)) == said  # type: ignore[arg-type]


def test_without_qos_the_service_level_is_0_whatever_the_file_says() -> None:
    asked = replace(USUAL, sl=3)
    its_own = replace(asked, sl_without_qos=3)

    assert differences(asked, USUAL) is None
    assert differences(asked, USUAL, qos=False) is None
    assert differences(asked, USUAL, qos=True) == "sl is 0, and not 3"
    assert differences(its_own, USUAL) == "sl is 0, and not 3"


def test_a_dump_is_read_and_can_be_kept_without_who_has_joined() -> None:
    text = f"{LINE}{JOINED}MC Group broken: mgid=0x1\nService Record: a\n"

    assert parse_dump(text) == {MGID: USUAL}
    assert only_groups(text) == f"{LINE}MC Group broken: mgid=0x1\n"


def test_a_dump_of_no_opensm_that_runs_says_nothing(tmp_path: Path) -> None:
    dump = tmp_path / "opensm-sa.dump"
    proc = tmp_path / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "stat").write_text("cpu 1\nbtime 1000\n")
    said = SaDump(dump, proc).read()
    assert isinstance(said, NoGroups)
    assert "set sa_db_dump TRUE" in str(said)

    dump.write_text(LINE)
    assert too_old(2000.0, proc) == "is of no OpenSM that runs: none does"
    fields = " ".join(["S", *["0"] * 18, str(500 * os.sysconf("SC_CLK_TCK")), "0"])
    (proc / "7/stat").write_text(f"7 (opensm) {fields}\n")
    os.utime(dump, (1600, 1600))
    assert SaDump(dump, proc).read() == {MGID: USUAL}

    os.utime(dump, (1400, 1400))
    assert "is older than the OpenSM that runs" in str(SaDump(dump, proc).read())


def audited(
    there: dict[IPv6Address, MulticastGroup] | NoGroups, *, reached: bool = True, old: bool = True
) -> Audit:
    keys = frozenset({RED}) if reached else frozenset()
    return audit_groups([USUAL], there, keys, lambda group: old)


def test_a_group_that_differs_or_is_missing_is_named_and_no_alarm() -> None:
    (differs,) = audited({MGID: replace(USUAL, mtu=5)}).found
    (missing,) = audited({}).found

    assert str(differs) == (
        "group differs: 0x8101 ff12:401b:8101::ffff:ffff: mtu is 4096 bytes, and not 2048 bytes"
    )
    assert missing.kind is DriftClass.GROUP_MISSING
    assert {kind.kind.alarm for kind in (differs, missing)} == {False}
    assert not differs.repairable
    assert audited({MGID: USUAL}).found == ()


def test_what_is_not_known_of_groups_is_neither_named_nor_over() -> None:
    (differs,) = audited({MGID: replace(USUAL, mtu=5)}).found
    (missing,) = audited({}).found

    for look in (audited(NoGroups("why")), audited({}, old=False)):
        assert look.found == ()
        assert look.unsure(differs)
    # OpenSM has no group of a partition that nobody on the fabric is in.
    nobody = audited({}, reached=False)
    assert nobody.found == ()
    assert nobody.unsure(missing)
    assert not nobody.unsure(differs)
    alone = both(Audit((), lambda drift: False), audited(NoGroups("why")))
    assert alone.unsure(differs)


def test_a_group_is_judged_when_the_file_has_said_so_for_a_while(tmp_path: Path) -> None:
    now = [100.0]
    dump = tmp_path / "dump"
    dump.write_text(LINE.replace("mtu=0x84", "mtu=0x85"))
    file = [parse(b"b=0x0102: 0x31;\n", "f")]
    watch = GroupWatch(SaDump(dump, running(tmp_path)), lambda: file[0], lambda: now[0])
    said = parse(b"a=0x0101,ipoib: 0x31;\n", "f")
    seen = Survey({Guid(0x31): ObservedPort((TableEntry.from_wire(0x8101),))})

    watch.audit(seen)
    assert watch.known  # Without a file too: none is asked for.
    file[0] = said
    assert watch.audit(seen).found == ()
    now[0] += SETTLED_S
    assert [drift.kind for drift in watch.audit(seen).found] == [DriftClass.GROUP_DIFFERS]
    file[0] = parse(b"a=0x0101,ipoib: 0x31;\nb=0x0102,ipoib: 0x31;\n", "f")
    assert len(watch.audit(seen).found) == 1
    file[0] = parse(b"a=0x0101,ipoib,Q_Key=7: 0x31;\n", "f")
    assert watch.audit(seen).found == ()
    assert watch.known
    dump.unlink()
    watch.audit(seen)
    assert not watch.known


def test_where_no_group_is_wanted_none_is_unknown(tmp_path: Path) -> None:
    said = parse(b"a=0x0101: 0x31;\n", "f")
    watch = GroupWatch(SaDump(tmp_path / "none"), lambda: said, lambda: 0.0)

    look = watch.audit(Survey({}))

    (before,) = audited({MGID: replace(USUAL, mtu=5)}).found
    assert watch.known
    assert look.found == ()
    assert not look.unsure(before)


def test_thousands_of_groups_are_named_by_the_first_of_them(tmp_path: Path) -> None:
    now = [0.0]
    dump = tmp_path / "dump"
    dump.write_text(LINE)
    said = parse("".join(f"n=0x{k:x},ipoib: 0x31;\n" for k in range(1, 3000)).encode(), "f")
    table = tuple(TableEntry.from_wire(0x8000 | key) for key in range(1, 3000))
    seen = Survey({Guid(0x31): ObservedPort(table)})
    watch = GroupWatch(SaDump(dump, running(tmp_path)), lambda: said, lambda: now[0])
    watch.audit(seen)
    now[0] += SETTLED_S

    found = watch.audit(seen).found

    assert len(found) == 21
    assert str(found[-1]).startswith("group missing: more than 20; ")


@given(st.text(), st.lists(st.integers(0, len(LINE)), max_size=4))
def test_whatever_stands_in_a_dump_or_in_the_output_of_saquery_is_read(
    noise: str, cuts: list[int]
) -> None:
    spoilt = LINE
    for cut in cuts:
        spoilt = spoilt[:cut] + noise + spoilt[cut + 1 :]

    for text in (spoilt, f"MC Group {noise}", noise):
        assert all(isinstance(group, MulticastGroup) for group in parse_dump(text).values())
    record = "MCMemberRecord group dump:\n\t\tMGID....................ff12:401b:8101::ffff:ffff\n"
    record += f"\t\tMtu.....................0x84\n\t\tpkey....{noise}\n\t\tRate...{noise}\n"
    assert parse_saquery(record + noise) == {}


def test_the_output_of_saquery_is_read() -> None:
    text = (
        "MCMemberRecord group dump:\n\t\tMGID....................ff12:401b:8101::ffff:ffff\n"
        "\t\tMlid....................0xC000\n\t\tMtu.....................0x84\n"
        "\t\tpkey....................0x8101\n\t\tRate....................0x83\n"
        "\t\tSL......................0x0\n"
    )

    assert parse_saquery(text) == {MGID: replace(USUAL, q_key=None, tclass=None, flow_label=None)}


def running(folder: Path) -> Path:
    """Return a /proc in which an OpenSM has run since 1970."""
    proc = folder / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "stat").write_text("btime 0\n")
    (proc / "7/stat").write_text(f"7 (opensm) {' '.join(['S', *['0'] * 19])}\n")
    return proc

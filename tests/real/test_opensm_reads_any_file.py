# SPDX-License-Identifier: Apache-2.0
"""The one reader of partitions.conf against the real OpenSM, which has the last word.

It is given files as people write them; every port's table is read from the wires, and the groups
from OpenSM's own dump of its database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, Membership, PartitionKey, TableEntry
from ibstack.formats.partitions_conf.line_buffer import LINE_BYTES
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.statement import Keyword
from one_opensm import NOTHING, OTHERS, PORTS, SELF, MadeGroup, OneOpenSm, one_opensm
from persons_files import persons_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv6Address
    from pathlib import Path

    from ibstack.formats.partitions_conf.reading import Reading
    from ibstack.formats.partitions_conf.statement import Listed, Statement

A, B, C = OTHERS
OPEN = {port: {"0xffff"} for port in PORTS}


@pytest.fixture(scope="module")
def opensm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneOpenSm]:
    with one_opensm(tmp_path_factory.mktemp("any")) as found:
        yield found


def tables_by(reading: Reading) -> dict[Guid, set[str]]:
    """Return what each port holds by what our reader says."""
    if reading.refused:
        return OPEN
    held = {PartitionKey(0x7FFF): dict.fromkeys(PORTS, Membership.LIMITED)}
    held[DEFAULT_PARTITION][SELF] = Membership.FULL
    for statement in reading.statements:
        here = held.setdefault(statement.key, {})
        for listed in statement.members:
            here.update(dict.fromkeys(meant(listed), listed.membership_flag.membership))
    return {
        port: {
            str(TableEntry.of(key, members[port]))
            for key, members in held.items()
            if port in members
        }
        for port in PORTS
    }


def meant(listed: Listed) -> set[Guid]:
    if listed.who is Keyword.SELF:
        return {SELF}
    if listed.who in (Keyword.ALL, Keyword.ALL_CAS):
        return set(PORTS)
    return {listed.who} & set(PORTS) if isinstance(listed.who, Guid) else set()


def has_members(statements: tuple[Statement, ...], key: PartitionKey) -> bool:
    """Say whether OpenSM keeps the partition; the fabric has a switch, and no router."""
    listed = [
        each for statement in statements if statement.key == key for each in statement.members
    ]
    return any(meant(each) or each.who is Keyword.ALL_SWITCHES for each in listed)


def groups_by(reading: Reading) -> dict[IPv6Address, MadeGroup]:
    """Return the groups of all partitions but 0x7fff, which OpenSM never forgets."""
    if reading.refused:
        return {}
    slowest_rate, smallest_mtu = 3, 4  # Of ibsim's adapters.
    return {
        made.mgid: MadeGroup(
            made.key.base | 0x8000,
            smallest_mtu if made.mtu is None else made.mtu,
            slowest_rate if made.rate is None else made.rate,
            made.sl_without_qos,
            made.q_key,
            made.tclass,
            made.flow_label,
        )
        for made in reading.groups.values()
        if made.key != DEFAULT_PARTITION and has_members(reading.statements, made.key)
    }


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(persons_files())
def test_opensm_takes_a_persons_file_for_what_the_reader_says(
    opensm: OneOpenSm, content: bytes
) -> None:
    reading = read(content)

    assert reading.not_known is None
    assert opensm.takes(content) == tables_by(reading)
    assert opensm.groups(groups_by(reading)) == groups_by(reading)


@pytest.mark.parametrize("over", [-1, 0, 1, 2, 8, 20])
def test_a_line_is_cut_where_the_reader_says(opensm: OneOpenSm, over: int) -> None:
    head, tail = f"a=0x101: {A}=full, ", f"{B}=full;"
    padding = " " * (LINE_BYTES - 1 - len(head) - len(tail) + over)
    content = NOTHING + f"{head}{padding}{tail}\n".encode()
    reading = read(content)

    assert bool(reading.remarks) is (over > 0)
    assert opensm.takes(content) == tables_by(reading)


@pytest.mark.parametrize("said", [b"ALL=full;\n", b"node001;\n", f"{A}=full;\n".encode()])
def test_the_judge_rejects_what_is_read_otherwise(opensm: OneOpenSm, said: bytes) -> None:
    taken = opensm.takes(NOTHING + b"a=0x101: " + said)

    assert taken == tables_by(read(NOTHING + b"a=0x101: " + said))
    assert taken != tables_by(read(NOTHING + b"a=0x101: ALL=limited;\n"))


def test_groups_of_the_default_partition_are_made_when_opensm_starts(tmp_path: Path) -> None:
    text = (
        b"Default=0x7fff,ipoib,mtu=5:\n"
        b"  mgid=ff12:401b::0707,sl=1 # random IPv4 group\n"
        b"  mgid=ff12:601b::16,sl=0   # MLDv2-capable routers\n"
        b"  mgid=ff12::1,sl=1,Q_Key=0xDEADBEEF,rate=3,mtu=2 # random group\n"
        b"  mgid=ff12:601b::1,mtu=4 # another MTU than the partition's\n"
        b"  ALL=full;\n"
    )
    with one_opensm(tmp_path) as fresh:
        made = fresh.of_default(text)

    assert made.keys() == {each.mgid for each in read(text).groups.values()}
    assert {each.mtu for each in made.values()} == {5, 2}

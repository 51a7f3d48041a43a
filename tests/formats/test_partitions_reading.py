# SPDX-License-Identifier: Apache-2.0
"""What the one reader of partitions.conf says of files that people have.

Whether that is true is for OpenSM to say: tests/real/test_opensm_reads_any_file.py.  Here are the
texts that OpenSM must not be given, and what is said of a text in words.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.partitions_conf import reading
from ibstack.formats.partitions_conf.number import number
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.remark import Effect

A, B = "0x0002c90300000031", "0x0002c90300000041"
MEANT, OTHERWISE, NOT_KNOWN, REFUSED = Effect


def members(text: str) -> list[list[str]]:
    return [
        [str(each) for each in statement.members] for statement in read(text.encode()).statements
    ]


def keys(text: str) -> list[int]:
    return [statement.key.base for statement in read(text.encode()).statements]


def effects(text: str) -> list[tuple[int, Effect]]:
    return [(remark.line, remark.effect) for remark in read(text.encode()).remarks]


@pytest.mark.parametrize(
    ("text", "base", "effect"),
    [
        ("a=0x8001: ALL;\n", 1, MEANT),
        ("a=0xffff: ALL;\n", 0x7FFF, MEANT),
        ("a=1: ALL;\n", 1, MEANT),
        ("a=32767: ALL;\n", 0x7FFF, MEANT),
        ("a=0X1: ALL;\n", 1, MEANT),
        ("a=0x00001: ALL;\n", 1, MEANT),
        ("5: ALL;\n", 5, MEANT),
        ("Default: ALL;\n", 0x7FFF, MEANT),
        ("a=0010: ALL;\n", 8, OTHERWISE),
        ("a=-1: ALL;\n", 0x7FFF, OTHERWISE),
        ("a=0x10005: ALL;\n", 5, OTHERWISE),
        ("a=0: ALL;\n", 1, OTHERWISE),
        ("a: ALL;\n", 1, OTHERWISE),
        ("default: ALL;\n", 1, OTHERWISE),
    ],
)
def test_a_key_is_what_opensm_takes_it_for(text: str, base: int, effect: Effect) -> None:
    assert keys(text) == [base]
    assert {found for _, found in effects(text)} == {effect}


def test_a_key_that_opensm_makes_up_is_none_that_is_taken() -> None:
    text = "a=0x1: ALL; b=0x3: ALL; c: ALL; d: ALL; c: SELF=full;\n"

    assert keys(text) == [1, 3, 2, 4, 2]
    assert [each.made_up for each in read(text.encode()).statements] == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("key", ["zz", "0x", "08", "0x1 2", ""])
def test_a_key_that_is_no_number_is_refused(key: str) -> None:
    found = read(f"a={key}: ALL;\n".encode())

    assert found.refused is not None
    assert found.refused.line == 1


def test_members_below_mgids_and_on_lines_of_their_own_are_members() -> None:
    text = (
        "Default=0x7fff, ipoib, rate=7, mtu=4, scope=2:\n"
        "        mgid=ff12:401b::ffff:ffff       # IPv4 Broadcast address\n"
        "        mgid=ff12:601b::16\n"
        "        ALL=full, SELF=full, ALL_SWITCHES=full;\n"
    )
    found = read(text.encode())

    assert members(text) == [["ALL=full", "SELF=full", "ALL_SWITCHES=full"]]
    assert [str(group.mgid) for group in found.groups.values()] == [
        "ff12:401b:ffff::ffff:ffff",
        "ff12:601b:ffff::16",
    ]
    assert {group.rate for group in found.groups.values()} == {7}
    assert effects(text) == [(2, MEANT), (3, MEANT)]


@pytest.mark.parametrize(
    ("line", "mtu", "effects_of_it"),
    [
        ("mgid=ff12::16 # rate and mtu as usual\n", 4, [MEANT]),
        ("mgid=ff12::16 # mtu=5\n", 5, [MEANT, OTHERWISE]),
        ("mgid=ff12::16 # of all, mtu=5\n", 5, [MEANT, OTHERWISE]),
        ("mgid=ff12::16,sl=0 # of all, mtu=5\n", 4, []),
    ],
)
def test_what_stands_behind_an_mgid_without_a_flag_counts(
    line: str, mtu: int, effects_of_it: list[Effect]
) -> None:
    text = f"a=0x1: {A},\n {line} {B};\n"

    assert [group.mtu for group in read(text.encode()).groups.values()] == [mtu]
    assert [effect for _, effect in effects(text)] == effects_of_it


def test_where_nothing_is_known_to_stand_there_it_is_said_so() -> None:
    found = read(b"a=0x1: ALL=full, mgid=ff12::16\n")

    assert found.not_known is not None
    assert found.not_known.line == 1
    assert found.refused is None


def test_of_an_earlier_line_as_much_counts_as_lies_behind_the_end() -> None:
    head = "# 3456789 123456789 123456789\n"
    ended = read(f"{head}a=0x1:ALL\n,mgid=ff12::16\n;".encode())
    longer = read(f"{head[:-1]}#######, mtu=5 \na=0x1: ALL,mgid=ff12::16\n;".encode())

    assert {group.mtu for group in ended.groups.values()} == {4}
    assert longer.not_known is None


def test_a_semicolon_alone_reads_what_an_earlier_line_has_left() -> None:
    found = read(f"a=0x1: {A}=full\n ;\n".encode())

    assert next(remark.effect for remark in found.remarks if remark.line == 2) is MEANT
    assert found.refused or found.not_known


def test_a_missing_end_is_refused_and_each_statement_is_read_all_the_same() -> None:
    text = (
        "Default=0x7fff,ipoib,sl=0: ALL\n"
        "Compute=0x0001,sl=1: node[001-100]\n"
        "Storage=0x0002,sl=2: oss[01-10],mds[01-02]\n"
    )
    found = read(text.encode())

    assert found.refused is not None
    assert found.refused.line == 2
    assert "is the `;` missing that ends the statement of line 1?" in found.refused.what
    assert keys(text) == [0x7FFF, 1, 2]
    assert members(text)[0] == ["ALL=limited"]


@pytest.mark.parametrize(
    ("member", "taken", "effect"),
    [
        (f"{A}=f", f"{A}=full", MEANT),
        (f"{A}=limi", f"{A}=limited", MEANT),
        (f"{A}=both", f"{A}=both", None),
        (f"{A}=", f"{A}=full", OTHERWISE),
        (f"{A}=Full", f"{A}=limited", OTHERWISE),
        ("AL", "ALL=limited", OTHERWISE),
        ("ALL_C=full", "ALL_CAS=full", OTHERWISE),
        ("S=full", "SELF=full", OTHERWISE),
        ("NONE", None, MEANT),
        ("49=full", f"{Guid(49)}=full", MEANT),
        ("031=full", f"{Guid(25)}=full", OTHERWISE),
        ("0X31", f"{Guid(0x31)}=limited", OTHERWISE),
        ("all", None, REFUSED),
        ("node001", None, REFUSED),
        ("0x0", None, REFUSED),
    ],
)
def test_a_member_is_whom_opensm_takes_it_for(
    member: str, taken: str | None, effect: Effect | None
) -> None:
    text = f"a=0x1: {B}, {member};\n"

    assert members(text) == [[f"{B}=limited", *([taken] if taken else [])]]
    assert {found for _, found in effects(text)} == ({effect} if effect else set())


@pytest.mark.parametrize("text", ["", "# talk\n", "\n\n", " \t\n#"])
def test_a_file_without_a_statement_opens_the_default_partition(text: str) -> None:
    assert read(text.encode()).refused is not None


def test_lines_too_long_are_cut_where_opensm_cuts_them() -> None:
    padding = " " * (4094 - len(f"a=0x1: {A}=full, "))
    text = f"a=0x1: {A}=full, {padding}{B}=full;\n"

    assert members(text) == [[f"{A}=full", f"{B}=full"]]
    assert (1, OTHERWISE) in effects(text)
    # In the middle of a GUID there: 0x0002c903 and, on a line of its own, 00000041, octal.
    assert members(text.replace(padding, padding[:-10])) == [
        [f"{A}=full", f"{Guid(0x2C903)}=limited", f"{Guid(0o41)}=full"]
    ]


LINES = st.sampled_from(
    [
        "Default=0x7fff,indx0: ALL=limited, SELF=full;\n",
        f"n0001=0x0001,ipoib: {A}=full, {B}=limited;\n",
        f"n0001=0x0001,ipoib,indx0: {B}=full;\n",
        f"x=0x0002: {A}=full;\n",
        "x=0x0000: ALL=full;\n",
        "x=0x0002: 0x0000000000000000=full;\n",
        f"a=0x1: {A}=full\n",
        "a=0x1: mgid=ff12::16\n",
        "  mgid=ff12::17;\n",
        " ;\n",
        "# talk\n",
    ]
)


@given(st.lists(LINES, max_size=6).map("".join))
def test_the_plainest_lines_are_read_like_all_others(text: str) -> None:
    quick, slow = read(text.encode()), reading.read(text.encode(), plainly=False)

    assert quick == slow


@given(st.binary(max_size=300) | st.text("a0x1fF:=;,# \n\tALSEmgid,ful", max_size=120))
def test_every_sequence_of_bytes_is_something(content: bytes | str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    found = read(data)

    assert found.statements or found.refused or found.not_known
    assert all(1 <= each.line <= data.count(b"\n") + 1 for each in found.remarks)


@given(st.integers(0, 2**65), st.sampled_from(["{}", "0x{:x}", "0{:o}", "-{}", " +{}", "0X{:X}z"]))
def test_a_number_is_what_strtoul_takes_it_for(value: int, form: str) -> None:
    found = number(form.format(value).encode())
    most = 2**64 - 1
    wanted = most if value > most else (-value if "-" in form else value) & most

    assert (found.value, found.rest) == (wanted, b"z" if "z" in form else b"")


def test_a_partition_key_of_a_reading_is_one() -> None:
    assert read(b"a=0xffff: ALL;").statements[0].key == PartitionKey(0x7FFF)

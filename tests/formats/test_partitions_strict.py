# SPDX-License-Identifier: Apache-2.0
"""Every way in which OpenSM guesses, cuts or fails open is a fault with its line."""

import itertools
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.partitions_conf.group_flags import AskedGroup, GroupFlags
from ibstack.formats.partitions_conf.line_buffer import LINE_BYTES
from ibstack.formats.partitions_conf.statement import Keyword, Listed, MembershipFlag, Statement
from ibstack.formats.partitions_conf.strict import Fault, PartitionsFileFaults, by_line, parse

DEFAULT = "Default=0x7fff,indx0: ALL=limited, SELF=full;\n"
A, B = "0x0002c90300000031", "0x0002c90300000041"


def faults_of(content: bytes) -> list[tuple[int, str]]:
    with pytest.raises(PartitionsFileFaults) as caught:
        parse(content, "partitions.conf")
    return [(fault.line, fault.what) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "no statement"),
        ("# nothing but talk\n\n", 1, "no statement"),
        (DEFAULT + "garbage\n", 2, "lacks a `:`"),
        (DEFAULT + f"a=0x1: {A}=full\n", 2, "`;` that ends this statement is missing"),
        (DEFAULT + f"a=0x1: {A}=full\nb=0x2: {B}=full;\n", 3, "is the `;` missing"),
        (DEFAULT + f"a=0x1: {A}=full\n;\n", 3, "nothing before it"),
        (DEFAULT + f"a=0x1: {A}=full;;\n", 2, "nothing before it"),
        (DEFAULT + f"  ; a=0x1: {A}=full;\n", 2, "nothing before it"),
        (DEFAULT + f"a=0x1: {A}=full;\r\n", 2, "carriage return"),
        ("\ufeff" + DEFAULT, 1, "byte order mark"),
        (DEFAULT + f"a=0x1: {A}=full;\0\n", 2, "0x00"),
        (DEFAULT + f"ä=0x1: {A}=full;\n", 2, "0xa4, 0xc3"),
        (DEFAULT + f"a=0x1: {A}=full;\x0c\n", 2, "0x0c"),
        (DEFAULT + f"a=0x1: {A}=ful1;\n", 2, "'ful1': write full, limited or both"),
        (DEFAULT + f"a=0x1: {A}=Full;\n", 2, "'Full'"),
        (DEFAULT + f"a=0x1: {A}=f;\n", 2, "'f'"),
        (DEFAULT + f"a=0x1: {A}=;\n", 2, "nothing, which OpenSM takes for full"),
        ("Default=0x7fff: ALL=;\n", 1, "nothing, which OpenSM takes for full"),
        (DEFAULT + "a=0x1: A=full;\n", 2, "member 'A'"),
        (DEFAULT + "a=0x1: all=full;\n", 2, "member 'all'"),
        (DEFAULT + "a=0x1: S;\n", 2, "member 'S'"),
        (DEFAULT + "a=0x1: NONE;\n", 2, "member 'NONE'"),
        (DEFAULT + "a=0x1: =full;\n", 2, "member ''"),
        (DEFAULT + "a=0x1: 0002c90300000031=full;\n", 2, "0x and up to 16"),
        (DEFAULT + "a=0x1: 00:02:c9:03:00:00:00:31=full;\n", 2, "is no member"),
        (DEFAULT + "a=0x1: 49=full;\n", 2, "0x and up to 16"),
        (DEFAULT + "a=0x1: 0x10002c90300000031=full;\n", 2, "0x and up to 16"),
        (DEFAULT + "a=0x1: 0x0=full;\n", 2, "zero means that no GUID is set"),
        (DEFAULT + "a=0x1: 0xffffffffffffffff=full;\n", 2, "all ones"),
        (DEFAULT + f"a=0x0: {A}=full;\n", 2, "must be 0x0001 to 0x7fff"),
        (DEFAULT + f"a=0x8000: {A}=full;\n", 2, "must be 0x0001 to 0x7fff"),
        (DEFAULT + f"a=0x8001: {A}=full;\n", 2, "must be 0x0001 to 0x7fff"),
        (DEFAULT + f"a=0xffff: {A}=full;\n", 2, "must be 0x0001 to 0x7fff"),
        (DEFAULT + f"a=0x10005: {A}=full;\n", 2, "up to 4 hex digits"),
        (DEFAULT + f"a=-1: {A}=full;\n", 2, "up to 4 hex digits"),
        (DEFAULT + f"a=010: {A}=full;\n", 2, "up to 4 hex digits"),
        (DEFAULT + f"a: {A}=full;\n", 2, "has no key"),
        (DEFAULT + f"a=: {A}=full;\n", 2, "has no key"),
        (DEFAULT + f"=0x5: {A}=full;\n", 2, "partition name ''"),
        (DEFAULT + f"{'x' * 32}=0x5: {A}=full;\n", 2, "1 to 31 letters"),
        (DEFAULT + f"a=0x1,ipiob: {A}=full;\n", 2, "flag 'ipiob'"),
        (DEFAULT + f"a=0x1,ip: {A}=full;\n", 2, "flag 'ip'"),
        (DEFAULT + f"a=0x1,mtu=9: {A}=full;\n", 2, "number from 1 to 5"),
        (DEFAULT + f"a=0x1,mtu: {A}=full;\n", 2, "must be a number"),
        (DEFAULT + f"a=0x1,mtu=0: {A}=full;\n", 2, "number from 1 to 5"),
        (DEFAULT + f"a=0x1,rate=1: {A}=full;\n", 2, "number from 2 to 22"),
        (DEFAULT + f"a=0x1,rate=23: {A}=full;\n", 2, "no group of that rate before version 3.3.24"),
        (DEFAULT + f"a=0x1,rate=63: {A}=full;\n", 2, "number from 2 to 22"),
        (DEFAULT + f"a=0x1,rate=134: {A}=full;\n", 2, "number from 2 to 22"),
        (DEFAULT + f"a=0x1,scope=0: {A}=full;\n", 2, "number from 1 to 15"),
        (DEFAULT + f"a=0x1,ipoib,scope=5: {A}=full;\n", 2, "which has scope 2"),
        (
            DEFAULT + f"a=0x1,ipoib,mtu=5: {A};\na=0x1,ipoib: {B};\n",
            3,
            "the group is there already",
        ),
        (DEFAULT + f"a=0x1,defmember=ful: {A};\n", 2, "defmember= says 'ful'"),
        (DEFAULT + "a=0x1:;\n", 2, "no members"),
        (DEFAULT + f"a=0x1: {A}=full,,{B}=full;\n", 2, "an empty place"),
        (DEFAULT + f"a=0x1: {A}=full,;\n", 2, "an empty place"),
        (DEFAULT + f"a=0x1: {A}=full;\na=0x1: {A}=limited;\n", 3, "is full and limited member"),
        (DEFAULT + f"a=0x1: {A}=full, ALL=limited;\n", 2, "put ALL first"),
        (DEFAULT + f"a=0x1: mgid=ff12::16\n{A}=full;\n", 2, "write mgid=ff12::16,sl=0"),
        (DEFAULT + f"a=0x1,sl=3: mgid=ff12::16;\na=0x1:{A};\n", 2, "write mgid=ff12::16,sl=3"),
        (DEFAULT + f"a=0x1: {A}=full,mgid=ff12::16 # talk;\n;\n", 2, "no flag behind it"),
        (DEFAULT + "a=0x1: mgid=ff12::16,sl=0;\n", 2, "has no members"),
        (DEFAULT + f"a=0x1: {A}, mgid\n;", 2, "mgid without an address"),
        (DEFAULT + f"a=0x1: mgid=ff12:401b::16,sl=0\n{A};\n", 2, "write ipoib"),
        (DEFAULT + f"a=0x1,ipoib: mgid=ff12:401b:8002::16,sl=0\n{A};\n", 2, "write 0x8001, or 0"),
        (DEFAULT + f"a=0x1,ipoib: mgid=ff12:401b:1::16,sl=0\n{A};\n", 2, "write 0x8001, or 0"),
        (DEFAULT + f"a=0x1,ipoib: mgid=ff12:401b::16,rate=7\n{A};\n", 2, "its partition has 3"),
        (DEFAULT + f"a=0x1,ipoib,mtu=5: mgid=ff12:601b::1,mtu=4\n{A};\n", 2, "partition has 5"),
        (DEFAULT + f"a=0x1,ipoib: mgid=ff12:401b::16,scope=5\n{A};\n", 2, "group of that scope"),
        (DEFAULT + f"a=0x1: mgid=ff15::16,sl=0\n{A};\n", 2, "OpenSM makes ff12::16 of it"),
        (DEFAULT + f"a=0x1: mgid=ff12:a01b::1,sl=0\n{A};\n", 2, "for itself"),
        (DEFAULT + f"a=0x1: mgid=ff32::1,sl=0\n{A};\n", 2, "one of the reserved flags"),
        (DEFAULT + f"a=0x1: mgid=ff12::1,mtu=9\n{A};\n", 2, "no group of mtu 9"),
        (DEFAULT + f"a=0x1: mgid=12::1\n{A}=full;\n", 2, "must be an IPv6 multicast"),
        (DEFAULT + f"a=0x1: mgid=ff12::1,{A}=full;\n", 2, "a group ends its line"),
        (DEFAULT + f"a=0x1: {', '.join([A] * 250)};\n", 2, "OpenSM cuts lines"),
    ],
)
def test_what_opensm_refuses_or_guesses_is_a_fault(text: str, line: int, says: str) -> None:
    found = faults_of(text.encode())

    assert any(at == line and says in what for at, what in found), found


def test_all_faults_come_at_once_each_with_file_and_line() -> None:
    with pytest.raises(PartitionsFileFaults) as caught:
        parse(f"a=0x0: {A}=ful1;\nb=0x1: zz;\n".encode(), "site.conf")

    lines = str(caught.value).splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "site.conf:1:",
        "site.conf:1:",
        "site.conf:2:",
    ]


def test_a_hand_written_file_is_understood() -> None:
    text = (
        "# storage\n"
        "Storage net = 0x0100 , ipoib , mtu=5, rate=7 , defmember=full :  # all of these\n"
        f"\t{A},\n"
        "# between\n"
        f"   {B}=limited,  SELF = both\n"
        "  0x51;\n"
        f"x=0x2: ALL_CAS; y=0x3:{A}=full ;\n"
        "m=0x4,ipoib: mgid=ff12:401b::0707,sl=1 # a group\n"
        "  mgid=ff12:601b::16,sl=0\n"
        "  ALL=full;"
    )

    assert parse(text.encode(), "site") == (
        Statement(
            2,
            "Storage net",
            PartitionKey(0x100),
            ("ipoib", "mtu=5", "rate=7"),
            (
                Listed(Guid.parse(A), MembershipFlag.FULL),
                Listed(Guid.parse(B), MembershipFlag.LIMITED),
                Listed(Keyword.SELF, MembershipFlag.BOTH),
                Listed(Guid(0x51), MembershipFlag.FULL),
            ),
            of_groups=GroupFlags(mtu=5, rate=7),
        ),
        Statement(7, "x", PartitionKey(2), (), (Listed(Keyword.ALL_CAS, MembershipFlag.LIMITED),)),
        Statement(7, "y", PartitionKey(3), (), (Listed(Guid.parse(A), MembershipFlag.FULL),)),
        Statement(
            8,
            "m",
            PartitionKey(4),
            ("ipoib",),
            (Listed(Keyword.ALL, MembershipFlag.FULL),),
            (
                AskedGroup(8, IPv6Address("ff12:401b::707"), GroupFlags(sl=1), own_sl=True),
                AskedGroup(9, IPv6Address("ff12:601b::16"), GroupFlags(), own_sl=True),
            ),
        ),
    )


def test_a_line_of_just_the_limit_is_not_a_fault() -> None:
    statement = f"a=0x1: {A}=full;"
    padded = statement + " " * (LINE_BYTES - 1 - len(statement))

    assert len(parse(f"{padded}\n".encode(), "f")) == 1
    assert faults_of(f"{padded} \n".encode())


def raises_nothing_but_faults(content: bytes) -> bool:
    try:
        parse(content, "f")
    except PartitionsFileFaults as error:
        return bool(error.faults) and bool(str(error))
    return True


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_but_faults(content: bytes) -> None:
    assert raises_nothing_but_faults(content)


@given(st.text("a0x1fF:=;,# \n\tALSEmgid,ful", max_size=80))
def test_nearly_right_text_makes_it_raise_nothing_but_faults(text: str) -> None:
    assert raises_nothing_but_faults(text.encode())


LINES = (
    "Default=0x7fff,indx0: ALL=limited, SELF=full;",
    f"a=0x1: {A}=full;",
    f"a=0x1: {A}=limited;",
    f"a=0x1: {A}=full; b=0x2: {B}=full;",
    f"a=0x1: {A}=full; # b=0x2: {B}=full;",
    f"a=0x1: {A}=full; b=0x2:",
    f"a=0x1: {A}=full # x;",
    f"a=0x1: {A}=full,",
    f"{B}=full;",
    f"{B}=ful1;",
    f"a=0x1: {B}=full",
    "a=0x1: mgid=ff12::16,sl=0;",
    f"a=0x1: mgid=ff12::16,sl=0; {B}=full;",
    f"a=0x1: {A}=full, {B} = limited ;",
    "# a=0x1;",
    ";",
    "",
    f"\ufeffa=0x1: {A}=full;",
    f"a=0x1: {A}=full;\r",
)


def outcome(content: bytes, known: dict[bytes, Statement]) -> tuple[Statement | Fault, ...]:
    try:
        return parse(content, "f", known)
    except PartitionsFileFaults as error:
        return error.faults


def lines_known() -> dict[bytes, Statement]:
    """Return what is known after every file of one or two LINES has been parsed."""
    known: dict[bytes, Statement] = {}
    for two in itertools.product(LINES, repeat=2):
        content = "\n".join(two).encode()
        read = [each for each in outcome(content, {}) if isinstance(each, Statement)]
        known |= by_line(content, read)
    return known


KNOWN = lines_known()


@given(st.lists(st.sampled_from(LINES), max_size=6).map("\n".join))
def test_lines_that_are_known_from_other_files_change_nothing(text: str) -> None:
    assert len(KNOWN) == 4
    assert outcome(text.encode(), KNOWN) == outcome(text.encode(), {})


def test_a_line_is_known_by_every_byte_and_in_no_other_place() -> None:
    content = f"a=0x1: {A}=full;\nb=0x2: {B}=full,\n{A}=full;".encode()

    assert list(by_line(content, parse(content, "f"))) == [f"a=0x1: {A}=full;\n".encode()]

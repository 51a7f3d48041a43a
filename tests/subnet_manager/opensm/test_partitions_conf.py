# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import (
    DEFAULT_OWNED_KEYS,
    PROOF_KEYS,
    SCRATCH_KEY,
    KeyRange,
    Membership,
    Partition,
    PartitionKey,
)
from ibstack.formats.partitions_conf.line_buffer import LINE_BYTES
from ibstack.formats.partitions_conf.strict import PartitionsFileFaults, parse
from ibstack.subnet_manager.opensm.partitions_conf import (
    PartitionsFile,
    memberships,
    read,
    read_site,
    render,
    replaces_nothing,
)

SITE_KEYS = KeyRange(PartitionKey(0x4000), PartitionKey(0x4FFF))
OURS = KeyRange(PartitionKey(0x0001), PartitionKey(0x3FFF))

guids = st.integers(1, 2**40).map(Guid)
partitions = st.dictionaries(
    st.integers(1, 0x3FFF).map(PartitionKey),
    st.dictionaries(guids, st.sampled_from(Membership), min_size=1, max_size=150),
    max_size=6,
).map(lambda found: {key: Partition(key, members) for key, members in found.items()})
site_lines = st.one_of(
    st.builds(
        lambda key, guid: f"storage=0x{key:04x},ipoib: {guid}=full,\n  0x1=limited;\n",
        st.integers(SITE_KEYS.first.base, SITE_KEYS.last.base),
        st.integers(2, 2**40).map(Guid),
    ),
    st.sampled_from(
        [
            "# a comment\n",
            "\n",
            "# The site's own partitions begin here.\n",
            "# The site's own partitions end here.\n",
            "# End.\n",
        ]
    ),
)


def files() -> SearchStrategy[PartitionsFile]:
    built = st.builds(
        PartitionsFile,
        st.sampled_from(PROOF_KEYS),
        partitions,
        st.frozensets(guids, max_size=150),
        st.frozensets(guids, max_size=70),
        st.lists(site_lines, max_size=4).map("".join),
    )
    return st.builds(with_some_first, built, st.integers(1, 3))


def with_some_first(file: PartitionsFile, every: int) -> PartitionsFile:
    members = {guid for partition in file.partitions.values() for guid in partition.members}
    return replace(file, first=frozenset(sorted(members)[::every]))


@given(files())
def test_what_is_written_is_read_back_and_written_the_same(file: PartitionsFile) -> None:
    text = render(file)

    assert read(text.encode("ascii"), "f") == file
    assert render(read(text.encode("ascii"), "f")) == text


@given(files())
def test_no_line_comes_near_what_opensm_cuts_and_the_default_comes_first(
    file: PartitionsFile,
) -> None:
    text = render(file)

    assert max(map(len, text.split("\n"))) < LINE_BYTES - 1
    assert text.startswith("Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full")


@given(files(), st.data())
def test_a_file_cut_short_is_never_taken_for_a_whole_one(
    file: PartitionsFile, data: st.DataObject
) -> None:
    content = render(file).encode()
    cut = data.draw(st.integers(0, len(content) - 1))

    with pytest.raises(PartitionsFileFaults):
        read(content[:cut], "f")


def test_the_form_is_this() -> None:
    red = PartitionKey(0x0101)
    file = PartitionsFile(
        PROOF_KEYS[2],
        {
            red: Partition(
                red,
                {
                    Guid(0x31): Membership.FULL,
                    Guid(0x21): Membership.LIMITED,
                    Guid(0x51): Membership.FULL,
                },
            )
        },
        frozenset({Guid(0x11)}),
        frozenset({Guid(0x41)}),
        "storage=0x4001: ALL=full;\n",
        frozenset({Guid(0x51)}),
    )

    assert render(file).splitlines() == [
        "Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full, 0x0000000000000011=full;",
        "# Written by ibstack-fabricd, which stops when this file is edited."
        "  The site's own partitions go into its site_partitions file.",
        "n7ff2=0x7ff2: SELF=full;",
        "n7ff8=0x7ff8: 0x0000000000000041=full;",
        "n0101=0x0101,ipoib: 0x0000000000000021=limited, 0x0000000000000031=full;",
        "n0101=0x0101,ipoib,indx0: 0x0000000000000051=full;",
        "# The site's own partitions begin here.",
        "storage=0x4001: ALL=full;",
        "# The site's own partitions end here.",
        "# End.",
    ]


def test_a_harmless_looking_edit_is_named_with_its_line() -> None:
    text = render(PartitionsFile(PROOF_KEYS[0])).replace("SELF=full;\n# W", "SELF=full ;\n# W")

    with pytest.raises(PartitionsFileFaults, match=r"^f:1: not as ibstack writes it"):
        read(text.encode(), "f")


@pytest.mark.parametrize("key", [SCRATCH_KEY, PROOF_KEYS[0], PartitionKey(0x7FFF)])
def test_a_reserved_key_is_never_a_tenants(key: PartitionKey) -> None:
    with pytest.raises(BadValue, match="reserved"):
        PartitionsFile(PROOF_KEYS[0], {key: Partition(key, {Guid(1): Membership.FULL})})


def test_a_partition_without_members_is_not_written() -> None:
    with pytest.raises(BadValue, match="a member"):
        PartitionsFile(PROOF_KEYS[0], {PartitionKey(1): Partition(PartitionKey(1))})


def test_a_first_entry_is_a_members() -> None:
    with pytest.raises(BadValue, match="must be a member"):
        PartitionsFile(PROOF_KEYS[0], first=frozenset({Guid(1)}))


def test_the_sites_partitions_are_carried_over_unchanged() -> None:
    text = b"# storage\nstorage = 0x7fef : ALL_CAS=full;"
    ours = KeyRange(PartitionKey(1), PartitionKey(0x7000))

    assert read_site(text, "site", ours) == text.decode() + "\n"
    assert read_site(b"# none yet\n", "site", ours) == ""


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("0x7fff", "full_default_members"),
        ("0x7ff3", "reserved"),
        ("0x0005", "owned_keys"),
    ],
)
def test_a_site_may_not_take_what_is_not_its_own(key: str, says: str) -> None:
    with pytest.raises(PartitionsFileFaults, match=rf"^site:1: .*{says}"):
        read_site(f"x={key}: ALL=full;\n".encode(), "site", DEFAULT_OWNED_KEYS)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Default=0x7fff,indx0: ALL=limited, SELF=full;\n", True),
        ("Default=0x7fff: ALL=limited, ALL_SWITCHES=full, SELF=full, 0x11=full;\n", True),
        ("Default=0x7fff: ALL=limited, SELF=full, 0x12=full;\n", False),
        ("Default=0x7fff: ALL=full;\n", False),
        ("Default=0x7fff,ipoib: ALL=limited;\n", False),
        ("storage=0x0005: ALL=full;\n", False),
    ],
)
def test_only_a_file_that_says_nothing_of_its_own_may_be_replaced(text: str, answer: bool) -> None:
    found = parse(text.encode(), "f")

    assert replaces_nothing(found, frozenset({Guid(0x11)})) is answer


def test_members_are_read_out_of_any_file_that_parses() -> None:
    text = b"a=0x1,defmember=full: ALL_ROUTERS, 0x11, 0x12=limited;\nb=0x1: 0x13=both;\n"

    assert memberships(parse(text, "f")) == {
        PartitionKey(1): Partition(
            PartitionKey(1),
            {
                Guid(0x11): Membership.FULL,
                Guid(0x12): Membership.LIMITED,
                Guid(0x13): Membership.FULL,
            },
        )
    }

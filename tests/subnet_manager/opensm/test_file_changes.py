# SPDX-License-Identifier: Apache-2.0
"""What `ibstack partition plan` says beside the members of tenants' partitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, Partition, PartitionKey
from ibstack.subnet_manager.opensm.file_changes import file_of, other_changes
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile, render

A, B = Guid(0x11), Guid(0x12)
RED = PartitionKey(0x101)
PARTITIONS = {RED: Partition(RED, {A: Membership.FULL, B: Membership.FULL})}
SITE = "# san\nsan=0x7001: ALL=full;\n"


def file(
    full: frozenset[Guid] = frozenset(), site: str = "", shared: frozenset[Guid] = frozenset()
) -> PartitionsFile:
    return file_of(PROOF_KEYS[0], PARTITIONS, shared, full, site)


def said(before: PartitionsFile | None, after: PartitionsFile) -> list[str]:
    return [str(each) for each in other_changes(before, after)]


def test_full_members_of_the_default_partition_come_and_go() -> None:
    assert said(file(frozenset({A})), file(frozenset({B}))) == [
        f"admit {A} to 0x7fff as limited",
        f"admit {B} to 0x7fff as full",
    ]


def test_lines_of_the_site_come_and_go_and_the_others_stay() -> None:
    other = SITE.replace("ALL=full", "ALL=limited")

    assert said(file(site=SITE), file(site=other)) == [
        "remove the site's line: san=0x7001: ALL=full;",
        "add the site's line: san=0x7001: ALL=limited;",
    ]
    assert said(file(), file(site=SITE))[1:] == ["add the site's line: san=0x7001: ALL=full;"]


def test_a_file_that_is_not_there_is_written() -> None:
    assert said(None, file()) == ["write the file: ibstack has published none here yet"]


def test_an_entry_that_moves_to_index_0_is_told_of() -> None:
    assert said(file(shared=frozenset({A, B})), file(shared=frozenset({A}))) == [
        "write the tenants' lines anew: whose entry is at index 0 changes"
    ]


@given(
    st.frozensets(st.sampled_from([A, B])),
    st.sampled_from(["", SITE, SITE + "# end\n"]),
    st.frozensets(st.sampled_from([A, B])),
    st.data(),
)
def test_nothing_is_said_just_where_the_text_stays_the_same(
    full: frozenset[Guid], site: str, shared: frozenset[Guid], data: st.DataObject
) -> None:
    before = file(full, site, shared)
    after = file(
        data.draw(st.frozensets(st.sampled_from([A, B]))),
        data.draw(st.sampled_from(["", SITE, SITE + "# end\n"])),
        data.draw(st.frozensets(st.sampled_from([A, B]))),
    )

    assert (said(before, after) == []) is (render(before) == render(after))

# SPDX-License-Identifier: Apache-2.0
"""What is taken from site_partitions means the same to OpenSM: every member and every group.

The text goes the way that fabricd's goes: read_site(), render(), and the file that OpenSM reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from ibstack.fabric.partition import PROOF_KEYS, KeyRange
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile, read, read_site, render
from one_opensm import PORTS, SELF, MadeGroup, OneOpenSm, one_opensm
from site_files import SiteFile, site_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.guid import Guid

OWNED = KeyRange.parse("0x0001-0x6fff")


@pytest.fixture(scope="module")
def opensm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneOpenSm]:
    with one_opensm(tmp_path_factory.mktemp("site")) as found:
        yield found


def published(text: str) -> bytes:
    site = read_site(text.encode(), "site.conf", OWNED)
    content = render(PartitionsFile(PROOF_KEYS[0], site=site)).encode()
    assert read(content, "partitions.conf").site == site
    return content


def tables_of(file: SiteFile) -> dict[Guid, set[str]]:
    tables = {port: {"0x7fff"} for port in PORTS}
    tables[SELF] = {"0xffff", "0xfff0"}
    for key, members in file.members.items():
        for port in PORTS:
            how = members.get(port.value)
            tables[port] |= {f"0x{key | 0x8000 * (how == 'full'):04x}"} if how else set()
    return tables


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(site_files())
def test_members_and_groups_are_what_the_file_says(opensm: OneOpenSm, file: SiteFile) -> None:
    assert opensm.takes(published(file.text)) == tables_of(file)
    assert opensm.groups(file.groups) == file.groups


def test_the_judge_rejects_a_group_that_is_otherwise(opensm: OneOpenSm) -> None:
    opensm.takes(published("san=0x7001,ipoib,mtu=5: ALL=full;\n"))
    (made,) = opensm.groups({}).items()

    assert made[1] == MadeGroup(0xF001, 5, 3, 0, 0xB1B, 0, 0)
    meant = {made[0]: MadeGroup(0xF001, 4, 3, 0, 0xB1B, 0, 0)}
    assert opensm.groups(meant) != meant

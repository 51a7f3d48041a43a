# SPDX-License-Identifier: Apache-2.0
"""Whatever an adapter's attributes hold, no verb crashes, and no other VF is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.host_targets import VFS, attributes, every_verb
from one_adapter import OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

contents = st.sampled_from(
    [
        *(b"", b"\n", b"\0" * 64, b"\xff\xfe", b"none", b"-1", b"0x", b"0x10000", b"9" * 4096),
        *(b"0xffff", b"18446744073709551616", b"ffffffffffffffff", b"0" * 16, b"\xd9\xa1", b"1_0"),
    ]
) | st.binary(max_size=20)


@pytest.fixture(params=list(Variant), ids=lambda variant: variant.value)
def host(request: pytest.FixtureRequest) -> Iterator[OneAdapter]:
    with OneAdapter(request.param, vfs=VFS) as made:
        yield made


def test_no_content_crashes_a_verb(host: OneAdapter) -> None:
    places = attributes(host)
    assert len(places) > 20

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(places), contents, min_size=1, max_size=3))
    def check(changes: dict[Path, bytes]) -> None:
        every_verb(host, changes)

    check()

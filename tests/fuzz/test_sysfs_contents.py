# SPDX-License-Identifier: Apache-2.0
"""Whatever an adapter's attributes hold, no verb crashes, and no other VF is written to."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.fabric.errors import IbstackError
from ibstack.host.attachments import Attachments
from ibstack.host.eswitch import Eswitch
from one_adapter import MACS, RED, OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NET = "ibhostnet"

contents = st.sampled_from(
    [
        *(b"", b"\n", b"\0" * 64, b"\xff\xfe", b"none", b"-1", b"0x", b"0x10000", b"9" * 4096),
        *(b"0xffff", b"18446744073709551616", b"ffffffffffffffff", b"0" * 16, b"\xd9\xa1", b"1_0"),
    ]
) | st.binary(max_size=20)


@pytest.fixture(params=[Variant.MLX4, Variant.MLX5_FILES], ids=lambda variant: variant.value)
def host(request: pytest.FixtureRequest) -> Iterator[OneAdapter]:
    with OneAdapter(request.param, vfs=2) as made:
        yield made


def attributes(one: OneAdapter) -> list[Path]:
    """Return the attributes of the adapter, of which long lists have few."""
    found = (path for path in one.hardware.root.rglob("*") if path.is_file())
    return sorted(path for path in found if not (path.name.isdigit() and int(path.name) > 3))


def test_no_content_crashes_a_verb(host: OneAdapter) -> None:
    places = attributes(host)
    assert len(places) > 20

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(places), contents, min_size=1, max_size=3))
    def check(changes: dict[Path, bytes]) -> None:
        before = {path: path.read_bytes() for path in places}
        for path, content in changes.items():
            path.write_bytes(content)
        try:
            _every_verb(host, changes)
        finally:
            shutil.rmtree(host.folder / "state", ignore_errors=True)
            for path, content in before.items():
                path.write_bytes(content)

    check()


def _every_verb(host: OneAdapter, changes: dict[Path, bytes]) -> None:
    eswitch = Eswitch(host.adapters(), Attachments(host.folder / "state"))
    host.sysfs.writes.clear()
    seen = eswitch.read()
    eswitch.fingerprint()
    eswitch.mend()
    assert host.sysfs.writes == [], "looking writes nothing"
    assert seen.adapters or seen.problems, f"{changes} is not told"
    assert seen.attachments == ()
    pci, mac = host.pci(0), MACS[0]
    for verb in (
        lambda: eswitch.adopt(NET, mac, pci, RED),
        lambda: eswitch.attach(NET, mac, pci, 0),
        lambda: eswitch.configure(pci, mac, RED, link_up=True),
        eswitch.read,
        lambda: eswitch.detach(NET, mac),
    ):
        with contextlib.suppress(IbstackError):
            verb()
    others = [path for path in host.sysfs.writes if _is_of_the_other_vf(path)]
    assert others == []


def _is_of_the_other_vf(path: str) -> bool:
    return path.endswith(("admin_guids/2", "sriov/1/node", "sriov/1/port", "sriov/1/policy"))

# SPDX-License-Identifier: Apache-2.0
"""Attachments on disk: whole or not at all, and one bad file does not take the others along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import Refused
from ibstack.fabric.guid import Guid
from ibstack.formats.codec import from_json, to_json
from ibstack.host.eswitchd.attachments import Attachment, Attachments, Configured
from one_adapter import MACS, RED
from strategies import entries, pci_addresses

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.pci import PciAddress

SLOT = "0000:05:00.1"
GOOD: dict[str, object] = {
    "physical_network": "ibhostnet",
    "mac": MACS[0],
    "pci": SLOT,
    "interface": "ib0",
    "configured": None,
    "leaving": False,
}

attachments = st.builds(
    Attachment,
    physical_network=st.text(min_size=1, max_size=20),
    mac=st.sampled_from(MACS),
    pci=pci_addresses,
    interface=st.just("ib0"),
    configured=st.none() | st.builds(Configured, st.none() | entries, st.booleans()),
    leaving=st.booleans(),
)


@given(attachments)
def test_an_attachment_survives_the_way_to_disk_and_back(attachment: Attachment) -> None:
    again = from_json(Attachment, json.loads(json.dumps(to_json(attachment))))

    assert again == attachment
    assert again.guid == Guid.from_mac(attachment.mac)


def attachment(pci: PciAddress, mac: str = MACS[0], network: str = "ibhostnet") -> Attachment:
    return Attachment(network, mac, pci, "ib0")


@pytest.fixture
def slots() -> list[PciAddress]:
    from ibstack.fabric.pci import PciAddress

    return [PciAddress.parse(f"0000:05:00.{n}") for n in (1, 2, 3)]


def test_what_was_claimed_is_there_after_a_restart(tmp_path: Path, slots: list[PciAddress]) -> None:
    first = Attachments(tmp_path)
    made, is_new = first.claim(attachment(slots[0]))
    first.save(Attachment("ibhostnet", MACS[0], slots[0], "ib0", Configured(RED, True)))
    first.claim(attachment(slots[1], MACS[1]))
    first.forget(slots[1])

    (again,) = Attachments(tmp_path).all()
    assert is_new
    assert (again.pci, again.mac, again.configured) == (made.pci, made.mac, Configured(RED, True))


def test_claiming_twice_is_one_claim(tmp_path: Path, slots: list[PciAddress]) -> None:
    both = Attachments(tmp_path)
    both.claim(attachment(slots[0]))

    assert both.claim(attachment(slots[0])) == (attachment(slots[0]), False)


@pytest.mark.parametrize(
    ("slot", "mac", "network"),
    [
        pytest.param(0, MACS[1], "ibhostnet", id="the VF is another MAC's"),
        pytest.param(0, MACS[0], "ibother", id="the VF is another network's"),
        pytest.param(1, MACS[0], "ibhostnet", id="the MAC has another VF"),
    ],
)
def test_a_conflict_is_refused_and_names_the_way_out(
    tmp_path: Path, slots: list[PciAddress], slot: int, mac: str, network: str
) -> None:
    held = Attachments(tmp_path)
    held.claim(attachment(slots[0]))

    with pytest.raises(Refused, match=f"ebrctl del-port ibhostnet {MACS[0]}"):
        held.claim(attachment(slots[slot], mac, network))
    assert held.all() == [attachment(slots[0])]


def test_one_mac_may_have_a_vf_on_each_network(tmp_path: Path, slots: list[PciAddress]) -> None:
    held = Attachments(tmp_path)
    held.claim(attachment(slots[0]))

    assert held.claim(attachment(slots[1], network="ibother"))[1]


CORRUPT = {
    "empty": b"",
    "cut in the middle": json.dumps(GOOD).encode()[:40],
    "not JSON": b"\xff\xfe\x00",
    "a list": b"[]",
    "a key missing": json.dumps({k: v for k, v in GOOD.items() if k != "mac"}).encode(),
    "a multicast MAC": json.dumps({**GOOD, "mac": "ff:ff:ff:ff:ff:ff"}).encode(),
    "a number for a name": json.dumps({**GOOD, "interface": 7}).encode(),
    "another file's address": json.dumps({**GOOD, "pci": "0000:05:00.7"}).encode(),
    "half an entry": json.dumps({**GOOD, "configured": {"entry": "0x8001"}}).encode(),
    "nested too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT)
def test_a_file_that_cannot_be_read_is_set_aside_and_told(
    tmp_path: Path, slots: list[PciAddress], data: bytes
) -> None:
    Attachments(tmp_path).claim(attachment(slots[1], MACS[1]))
    (tmp_path / f"{SLOT}.json").write_bytes(data)

    again = Attachments(tmp_path)

    assert again.all() == [attachment(slots[1], MACS[1])]
    (problem,) = again.problems
    assert SLOT in problem
    assert (tmp_path / f"{SLOT}.json.corrupt").read_bytes() == data
    assert again.claim(attachment(slots[0]))[1], "the VF can be attached again"
    assert Attachments(tmp_path).problems == []


def test_a_file_that_was_being_written_never_counts(
    tmp_path: Path, slots: list[PciAddress]
) -> None:
    (tmp_path / f"{SLOT}.json.new").write_text(json.dumps(GOOD))

    assert Attachments(tmp_path).all() == []
    assert list(tmp_path.iterdir()) == []


def test_a_vf_leaves_its_tenant_although_nothing_can_be_recorded(tmp_path: Path) -> None:
    kept = Attachments(tmp_path)
    record, _ = kept.claim(from_json(Attachment, GOOD))
    # As on a full disk, the next record has no place.
    (tmp_path / f"{SLOT}.json.new").mkdir()

    leaving = kept.leave(record)
    assert leaving.leaving
    assert kept.at(record.pci) == leaving

    kept.forget(record.pci)
    assert kept.all() == []
    assert not (tmp_path / f"{SLOT}.json").exists()

# SPDX-License-Identifier: Apache-2.0
"""The VF that a stored binding profile names, read exactly as JSON is, and quickly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.neutron.server.desired import pci_address, stored_pci_slot
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.topology import Host

SLOT = "0000:05:00.1"
TEXTS = st.sampled_from([SLOT, "0000:05:00.2", "pci_slot", '"pci_slot": "0000:09:00.1"', "}", "\\"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(TEXTS | st.just("pci_slot"), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "profile",
    [
        json.dumps({"pci_slot": SLOT}),
        json.dumps({"capabilities": {"pci_slot": "0000:09:00.1"}, "pci_slot": SLOT}),
        json.dumps({"pci_slot": SLOT, "capabilities": {"pci_slot": "0000:09:00.1"}}),
        json.dumps({"note": '"pci_slot": "0000:09:00.1"', "pci_slot": SLOT}),
        json.dumps({"pci_slot": SLOT, "note": "pci_slot", "vf_num": 0}),
        '{"pci_slot": "0000:09:00.1", "pci_slot": "0000:05:00.1"}',
        r'{"pci\u005fslot": "0000:05:00.1"}',
        r'{"pci_slot": "\u0030000:05:00.1"}',
        '{"pci_slot":"0000:05:00.1"}',
        '\n{ "vf_num" : 1e0,\t"pci_slot" : "0000:05:00.1" } ',
    ],
)
def test_the_slot_is_the_one_of_the_object_itself(profile: str) -> None:
    assert stored_pci_slot(profile) == SLOT
    assert pci_address(profile) == PciAddress.parse(SLOT)


@pytest.mark.parametrize(
    "profile",
    ["", "{}", "null", '{"a": {"pci_slot": "0000:05:00.1"}}', '{"pci_slot": null}', '{"a": 1}'],
)
def test_a_profile_may_name_none(profile: str) -> None:
    assert stored_pci_slot(profile) is None
    assert pci_address(profile) is None


@pytest.mark.parametrize(
    "profile",
    [
        '{"pci_slot": "0000:05:00.1"',  # Cut short, as a column of 4,095 characters would.
        '{"pci_slot": "0000:05:00.1", }',
        '"pci_slot"',
        '["pci_slot"]',
        '{"pci_slot": ' + "[" * 4000,
    ],
)
def test_what_is_no_profile_is_refused_each_time(profile: str) -> None:
    for _ in range(2):  # A refusal is not remembered as an answer.
        with pytest.raises(ValueError, match=r"Expecting|Illegal|binding profile"):
            stored_pci_slot(profile)


def test_what_is_no_address_is_refused() -> None:
    assert stored_pci_slot('{"pci_slot": 5}') == "5"
    with pytest.raises(BadValue, match="PCI address '5'"):
        pci_address('{"pci_slot": 5}')


@given(st.dictionaries(TEXTS | st.just("pci_slot"), VALUES, max_size=4), st.booleans())
def test_it_is_what_json_says(profile: dict[str, Any], ascii_only: bool) -> None:
    said = profile.get("pci_slot")

    found = stored_pci_slot(json.dumps(profile, ensure_ascii=ascii_only))

    assert found == (str(said) if said else None)


def test_profiles_of_one_vf_share_their_slot() -> None:
    """What is asked of a slot is remembered by it, though no two profiles of nova are alike."""
    hosts = [Host(f"node{n}", Guid(0x0002C90300000000 + 16 * n)) for n in range(3)]
    profiles = {json.dumps(nova_profile(host, 4)) for host in hosts}

    assert len(profiles) == 3
    assert len({id(stored_pci_slot(profile)) for profile in profiles}) == 1

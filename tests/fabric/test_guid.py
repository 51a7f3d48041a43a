# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from strategies import RESERVED_GUIDS, guids

SPELLINGS = [
    "0x0002c90300e8a9d0",
    "0X0002C90300E8A9D0",
    "0x2c90300e8a9d0",
    "0002c90300e8a9d0",
    "00:02:c9:03:00:e8:a9:d0",
    "0002:c903:00e8:a9d0",
    "  0002:C903:00E8:A9D0\n",
]
NOT_GUIDS = [
    "",
    "0x",
    "0x00002c90300e8a9d01",
    "2c90300e8a9d0",
    "00:02:c9:03:00:e8:a9",
    "00:02:c9:03:00:e8:a9:d0:00",
    "0002-c903-00e8-a9d0",
    "0x0002c90300e8a9dg",
    "12345",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_in_the_wild_names_the_same_guid(text: str) -> None:
    assert Guid.parse(text) == Guid(0x0002C90300E8A9D0)


@pytest.mark.parametrize("text", NOT_GUIDS)
def test_what_is_no_guid_is_refused_with_the_text_quoted(text: str) -> None:
    with pytest.raises(BadValue) as error:
        Guid.parse(text)

    assert repr(text) in str(error.value)


@pytest.mark.parametrize("value", RESERVED_GUIDS)
def test_reserved_values_are_refused(value: int) -> None:
    with pytest.raises(BadValue):
        Guid(value)
    with pytest.raises(BadValue):
        Guid.parse(f"0x{value:016x}")


@given(guids)
def test_each_spelling_is_read_back(guid: Guid) -> None:
    for text in (str(guid), guid.as_bytes(), guid.as_groups(), guid.as_digits()):
        assert Guid.parse(text) == guid


@given(st.text())
def test_parsing_raises_nothing_but_bad_value(text: str) -> None:
    with contextlib.suppress(BadValue):
        assert Guid.parse(text).value


def test_a_mac_is_spread_around_two_zero_bytes() -> None:
    assert Guid.from_mac("fa:16:3e:aa:bb:cc") == Guid(0xFA163E0000AABBCC)


@given(guids)
def test_the_mac_of_a_guid_leads_back_to_it(guid: Guid) -> None:
    mac = guid.as_mac()
    if mac is not None and not guid.value >> 56 & 1 and not mac.startswith("00:14:05"):
        assert Guid.from_mac(mac) == guid


def test_a_hardware_guid_has_no_mac() -> None:
    assert Guid(0x0002C90300E8A9D0).as_mac() is None


@pytest.mark.parametrize(
    "mac",
    [
        "",
        "fa:16:3e:aa:bb",
        "fa:16:3e:aa:bb:cc:dd",
        "zz:16:3e:aa:bb:cc",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
        "02:00:00:00:00:02",
        "00:14:05:00:00:01",
    ],
)
def test_a_mac_that_may_name_no_tenant_port_is_refused(mac: str) -> None:
    with pytest.raises(BadValue):
        Guid.from_mac(mac)

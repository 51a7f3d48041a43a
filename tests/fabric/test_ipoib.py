# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, IpoibAddress, client_id, parse_client_id
from strategies import guids, ipoib_addresses

GUID = Guid.parse("fa:16:3e:00:00:aa:bb:cc")


@given(ipoib_addresses)
def test_an_address_is_read_back(address: IpoibAddress) -> None:
    assert IpoibAddress.parse(str(address)) == address


def test_the_parts_of_an_address_are_where_rfc_4391_puts_them() -> None:
    address = IpoibAddress.parse("80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:e8:a9:d1")

    assert address.connected_mode
    assert address.queue_pair == 0x000208
    assert address.prefix == 0xFE80000000000000
    assert address.guid == Guid(0x0002C90300E8A9D1)


@pytest.mark.parametrize("text", ["", "80:00:02:08:fe:80", "80:00:02:08" + ":00" * 16, "x" * 59])
def test_what_is_no_address_of_a_live_port_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        IpoibAddress.parse(text)


def test_both_client_identifiers_end_in_the_guid() -> None:
    assert client_id(GUID, ClientIdForm.HARDWARE_TYPE) == "20:fa:16:3e:00:00:aa:bb:cc"
    assert client_id(GUID, ClientIdForm.LEGACY) == (
        "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:aa:bb:cc"
    )


@given(guids, st.sampled_from(ClientIdForm))
def test_a_client_identifier_is_read_back(guid: Guid, form: ClientIdForm) -> None:
    assert parse_client_id(client_id(guid, form).upper()) == (form, guid)


@pytest.mark.parametrize("text", ["", "20:", "01:fa:16:3e:aa:bb:cc", "20:fa:16:3e:00:00:aa:bb"])
def test_an_unknown_client_identifier_is_refused_and_the_known_forms_named(text: str) -> None:
    with pytest.raises(BadValue, match="20:<GUID> or ff:"):
        parse_client_id(text)

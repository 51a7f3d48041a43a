# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.fabric.pci import PciAddress, fold, unfold
from strategies import pci_addresses


@given(pci_addresses)
def test_an_address_is_read_back(address: PciAddress) -> None:
    assert PciAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "05:00.1", "0000:05:00", "0000:05:20.1", "0000:05:00.8", "0000:05:00.1 x"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        PciAddress.parse(text)


@given(st.sets(pci_addresses))
def test_folding_loses_nothing(addresses: set[PciAddress]) -> None:
    assert unfold(fold(addresses)) == addresses


def test_a_run_of_vfs_folds_across_devices() -> None:
    vfs = [PciAddress(0, 0x0501 + n) for n in range(16)]

    assert fold(vfs) == "0000:05:00.1-0000:05:02.0"


def test_a_run_that_goes_backwards_is_refused() -> None:
    with pytest.raises(BadValue):
        unfold("0000:05:00.3-0000:05:00.1")

# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import (
    DEFAULT_OWNED_KEYS,
    DEFAULT_PARTITION,
    PROOF_KEYS,
    SCRATCH_KEY,
    KeyRange,
    Membership,
    PartitionKey,
    TableEntry,
)
from strategies import any_keys, entries


@given(any_keys)
def test_a_key_is_read_back_as_hex_and_as_a_segmentation_id(key: PartitionKey) -> None:
    assert PartitionKey.parse(str(key)) == key
    assert PartitionKey.parse(str(key.base)) == key


@pytest.mark.parametrize(
    "text", ["", "0", "0x0", "0x8000", "0x8001", "0xffff", "0x10101", "32768", "-1", "abc", "0x"]
)
def test_what_is_no_key_is_refused_with_the_text_quoted(text: str) -> None:
    with pytest.raises(BadValue) as error:
        PartitionKey.parse(text)

    assert repr(text) in str(error.value)


@pytest.mark.parametrize("base", [0, 0x8000, 0x8001, -1])
def test_a_key_outside_its_15_bits_cannot_be_made(base: int) -> None:
    with pytest.raises(BadValue):
        PartitionKey(base)


@given(entries)
def test_an_entry_survives_the_wire(entry: TableEntry) -> None:
    assert TableEntry.from_wire(entry.to_wire()) == entry
    assert TableEntry.of(entry.partition, entry.membership) == entry
    assert int(str(entry), 16) == entry.to_wire()


@given(st.integers(0, 0xFFFF))
def test_sixteen_bits_are_an_entry_or_empty(raw: int) -> None:
    entry = TableEntry.from_wire(raw)

    assert (entry is None) == (raw in (0, 0x8000))
    assert entry is None or entry.to_wire() == raw


def test_the_top_bit_says_full_member() -> None:
    full, limited = TableEntry.from_wire(0x8001), TableEntry.from_wire(0x0001)

    assert full is not None
    assert full.membership is Membership.FULL
    assert limited is not None
    assert limited.membership is Membership.LIMITED
    assert full.partition == limited.partition == PartitionKey(1)


def test_reserved_keys_are_not_owned() -> None:
    assert PartitionKey(1) in DEFAULT_OWNED_KEYS
    for key in (*PROOF_KEYS, SCRATCH_KEY, DEFAULT_PARTITION):
        assert key not in DEFAULT_OWNED_KEYS


def test_a_range_reads_its_own_spelling_and_refuses_to_run_backwards() -> None:
    assert KeyRange.parse("0x0001-0x7fef") == DEFAULT_OWNED_KEYS
    assert KeyRange.parse(str(DEFAULT_OWNED_KEYS)) == DEFAULT_OWNED_KEYS
    assert KeyRange.parse("5") == KeyRange(PartitionKey(5), PartitionKey(5))
    for text in ("0x10-0x1", "", "1-2-3", "0-5"):
        with pytest.raises(BadValue):
            KeyRange.parse(text)

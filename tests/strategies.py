# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for the words of the fabric."""

from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import IpoibAddress
from ibstack.fabric.partition import Membership, Partition, PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress

RESERVED_GUIDS = (0, 2**64 - 1, 0x0200000000000002)

guids = st.integers(1, 2**64 - 2).filter(lambda n: n not in RESERVED_GUIDS).map(Guid)
any_keys = st.integers(0x0001, 0x7FFF).map(PartitionKey)
entries = st.builds(TableEntry, any_keys, st.booleans())
pci_addresses = st.builds(PciAddress, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
ipoib_addresses = st.builds(
    IpoibAddress,
    st.integers(0, 2**24 - 1),
    guids,
    st.integers(0, 2**64 - 1),
    st.booleans(),
)

# Few keys and few GUIDs on purpose: collisions are where plans go wrong.
keys = st.sampled_from([PartitionKey(n) for n in (0x0001, 0x0101, 0x0102, 0x7FEF)])
some_guids = st.sampled_from([Guid(n) for n in range(1, 6)])
members = st.dictionaries(some_guids, st.sampled_from(Membership), max_size=4)
partitions = st.dictionaries(keys, members).map(
    lambda d: {k: Partition(k, m) for k, m in d.items() if m}
)

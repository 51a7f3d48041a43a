# SPDX-License-Identifier: Apache-2.0
"""Which partition a segment of a Neutron network is."""

from __future__ import annotations

from typing import Final

from ibstack.fabric.partition import DEFAULT_PARTITION, PartitionKey, TableEntry

FLAT: Final = "flat"
VLAN: Final = "vlan"


def segment_entry(network_type: str | None, segmentation_id: int | str | None) -> TableEntry:
    """Return what a port of the segment holds in its table; BadValue for an id that is no key.

    Of a flat network that is the default partition, of which all are limited members; of any other
    the segmentation id is the partition key.
    """
    if network_type == FLAT:
        return TableEntry(DEFAULT_PARTITION, full_member=False)
    return TableEntry(PartitionKey.parse(str(segmentation_id)), full_member=True)

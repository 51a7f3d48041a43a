# SPDX-License-Identifier: Apache-2.0
"""Partition keys, what a port's table holds, and who is a member of what.

A P_Key on the wire is 16 bits: the top bit says full (1) or limited (0) member, and the low
15 bits name the partition.  We keep the two apart, since nearly every P_Key bug is one of
them standing in for the other.

Source: IBTA Architecture Specification vol. 1: 10.9.1.2 (special P_Keys), 10.9.3 (matching),
C10-116 (low 15 bits all zero is invalid), 14.2.5.7 (the P_KeyTable attribute).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid

FULL_MEMBER_BIT: Final = 0x8000
_HEX = re.compile(r"0x[0-9a-f]+")
_KEY = re.compile(r"0x[0-9a-f]{1,4}|[0-9]{1,5}")


class Membership(enum.Enum):
    """How a port belongs to a partition.  Limited members cannot talk to limited members."""

    FULL = "full"
    LIMITED = "limited"


@dataclass(frozen=True, order=True, slots=True)
class PartitionKey:
    """The 15 bits that name a partition: 0x0001 to 0x7fff."""

    base: int

    def __post_init__(self) -> None:
        if not 0x0001 <= self.base <= 0x7FFF:
            raise BadValue("partition key", f"{self.base:#06x}", "must be 0x0001 to 0x7fff")

    # As of a Guid.
    def __hash__(self) -> int:
        return self.base

    @classmethod
    def parse(cls, text: str) -> PartitionKey:
        """Read 0x…, or a decimal number as in a Neutron segmentation id."""
        digits = text.strip().lower()
        if not _KEY.fullmatch(digits):
            raise BadValue("partition key", text, "must be 0x0001 to 0x7fff")
        value = int(digits, 16 if digits.startswith("0x") else 10)
        if not 0x0001 <= value <= 0x7FFF:
            raise BadValue("partition key", text, "must be 0x0001 to 0x7fff")
        return cls(value)

    def __str__(self) -> str:
        return f"0x{self.base:04x}"


DEFAULT_PARTITION: Final = PartitionKey(0x7FFF)


@dataclass(frozen=True, order=True, slots=True)
class KeyRange:
    """The partition keys from *first* to *last*, both included."""

    first: PartitionKey
    last: PartitionKey

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise BadValue("partition key range", str(self), "the first key is above the last")

    @classmethod
    def parse(cls, text: str) -> KeyRange:
        """Read FIRST-LAST, such as 0x0001-0x7fef, or a single key."""
        first, _, last = text.partition("-")
        return cls(PartitionKey.parse(first), PartitionKey.parse(last or first))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, PartitionKey) and self.first.base <= key.base <= self.last.base

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


# A publish proves itself with one of these keys, so no tenant may have them.
PROOF_KEYS: Final = tuple(PartitionKey(base) for base in range(0x7FF0, 0x7FF8))
# Added to a port and removed again, to make OpenSM write that port's table anew.
SCRATCH_KEY: Final = PartitionKey(0x7FF8)
LAST_TENANT_KEY: Final = PartitionKey(DEFAULT_PARTITION.base - 1)
"""The last key that a network may have, where nobody reserves more."""
# What ibstack may change unless a site says otherwise: all but the reserved keys at the top.
DEFAULT_OWNED_KEYS: Final = KeyRange(PartitionKey(0x0001), PartitionKey(0x7FEF))


@dataclass(frozen=True, order=True, slots=True)
class TableEntry:
    """One valid entry of a port's P_Key table: a partition, and how the port belongs to it."""

    partition: PartitionKey
    full_member: bool

    @classmethod
    def from_wire(cls, raw: int) -> TableEntry | None:
        """Read 16 bits; None for an empty entry (low 15 bits zero: IBTA vol 1, C10-116)."""
        if not 0 <= raw <= 0xFFFF:
            raise BadValue("P_Key table entry", f"{raw:#x}", "must fit in 16 bits")
        base = raw & 0x7FFF
        return cls(PartitionKey(base), bool(raw & FULL_MEMBER_BIT)) if base else None

    @classmethod
    def parse(cls, text: str) -> TableEntry:
        """Read 0x and 1 to 4 digits, 16 bits with the membership on top."""
        digits = text.strip().lower()
        if not _HEX.fullmatch(digits):
            why = "expected 0x0001 to 0x7fff, or 0x8001 to 0xffff"
            raise BadValue("P_Key table entry", text, why)
        entry = cls.from_wire(int(digits, 16))
        if entry is None:
            raise BadValue("P_Key table entry", text, "it is empty")
        return entry

    @classmethod
    def of(cls, partition: PartitionKey, membership: Membership) -> TableEntry:
        return cls(partition, membership is Membership.FULL)

    @property
    def membership(self) -> Membership:
        return Membership.FULL if self.full_member else Membership.LIMITED

    def to_wire(self) -> int:
        return self.partition.base | (FULL_MEMBER_BIT if self.full_member else 0)

    def __str__(self) -> str:
        return f"0x{self.to_wire():04x}"


PkeyTable: TypeAlias = tuple["TableEntry | None", ...]
"""A port's whole table, by index; None where the entry is empty."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Who should be a member of one partition, by port GUID."""

    key: PartitionKey
    members: Mapping[Guid, Membership] = field(default_factory=dict)


Partitions: TypeAlias = Mapping[PartitionKey, Partition]
"""What is desired of a fabric.  What is observed is a `PkeyTable` for each port."""

# SPDX-License-Identifier: Apache-2.0
"""What a partitions file says, statement by statement."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import Membership
from ibstack.formats.partitions_conf.group_flags import GroupFlags

if TYPE_CHECKING:
    from ibstack.fabric.partition import PartitionKey
    from ibstack.formats.partitions_conf.group_flags import AskedGroup


class Keyword(enum.Enum):
    """What stands for many ports, or for the subnet manager's, in a list of members."""

    ALL = "ALL"
    ALL_CAS = "ALL_CAS"
    ALL_SWITCHES = "ALL_SWITCHES"
    ALL_ROUTERS = "ALL_ROUTERS"
    SELF = "SELF"


class MembershipFlag(enum.Enum):
    """How a member is written.  `both` is full unless OpenSM runs with allow_both_pkeys."""

    FULL = "full"
    LIMITED = "limited"
    BOTH = "both"

    @property
    def membership(self) -> Membership:
        return Membership.LIMITED if self is MembershipFlag.LIMITED else Membership.FULL


# Looked up once: for 40,000 members the ways of an enum take longer than all else.
_LIMITED_FLAG: Final = MembershipFlag.LIMITED
_FULL: Final = Membership.FULL
_LIMITED: Final = Membership.LIMITED
_PLAIN_GROUPS: Final = GroupFlags()


@dataclass(frozen=True, slots=True)
class Listed:
    """One member as a statement lists it."""

    who: Guid | Keyword
    membership_flag: MembershipFlag

    def __str__(self) -> str:
        return f"{spell(self.who)}={self.membership_flag.value}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One partition definition, from its name to its semicolon, as OpenSM takes it."""

    line: int
    """Where it starts, counted from 1."""
    name: str
    key: PartitionKey
    flags: tuple[str, ...]
    """As OpenSM takes them, without defmember, whose effect is in *members*."""
    members: tuple[Listed, ...]
    groups: tuple[AskedGroup, ...] = ()
    """The multicast groups that it asks for with `mgid=`; groups.py says what becomes of them."""
    of_groups: GroupFlags = _PLAIN_GROUPS
    """What it says of its groups."""
    made_up: bool = False
    """There is no key: this one is OpenSM's choice when it starts, and may be another later."""

    @property
    def ipoib(self) -> bool:
        """Whether it asks for the group that IPoIB joins first."""
        return "ipoib" in self.flags

    def guids(self) -> dict[Guid, Membership]:
        """Return the members that are listed by GUID."""
        return {
            listed.who: _LIMITED if listed.membership_flag is _LIMITED_FLAG else _FULL
            for listed in self.members
            if isinstance(listed.who, Guid)
        }


def spell(who: Guid | Keyword) -> str:
    """Return a member as it is written."""
    return who.value if isinstance(who, Keyword) else str(who)

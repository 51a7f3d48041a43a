# SPDX-License-Identifier: Apache-2.0
"""A cloud in memory with as many partitions as asked, and the clock of what is done for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.member import Member
from ibstack.fabric.partition import Membership, PartitionKey
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.policy.plan import collect_desired
from ibstack.subnet_manager.reconcile.pass_context import Desired

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import KeyRange, Partitions
    from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile

_HOSTS_OF_A_PARTITION: Final = 8
_KEYS_OF_A_PORT: Final = 50
"""Of the 64 that a table of ibsim's has room for."""


class Tenants:
    """Says what is desired, and notes when it is told that it is in force."""

    def __init__(self) -> None:
        self.reported_at = 0.0
        self.in_force: frozenset[str] = frozenset()
        self._members: tuple[Member, ...] = ()
        self._version = 0

    @property
    def count(self) -> int:
        """How many memberships are desired."""
        return len(self._members)

    def want(self, members: Iterable[Member]) -> None:
        self._members = tuple(members)
        self._version += 1

    def boot(self, member: Member) -> None:
        """Desire one more."""
        self.want((*self._members, member))

    def partitions(self, ours: KeyRange) -> Partitions:
        return collect_desired(self._members, ours).partitions

    def desired(self) -> Desired:
        return Desired(str(self._version), self._members)

    def report(self, etag: str, in_force: Collection[str]) -> None:
        del etag
        self.reported_at = time.perf_counter()
        self.in_force = frozenset(in_force)


class TimedPublication(PartitionsFileStore):
    """Notes when the last publish began."""

    began_at = 0.0

    def publish(self, file: PartitionsFile, shared: Iterable[Guid] = ()) -> str:
        self.began_at = time.perf_counter()
        return super().publish(file, shared)


def spread(ports: Sequence[Guid], partitions: int) -> list[Member]:
    """Return the members of *partitions*, spread evenly over physical *ports*.

    One partition has every port; of more, each has 8, or as many as give no port more than 50 keys.
    """
    most = _KEYS_OF_A_PORT * len(ports) // partitions
    size = len(ports) if partitions == 1 else min(_HOSTS_OF_A_PARTITION, most)
    return [
        member(f"p{key}-{n}", ports[(key * size + n) % len(ports)], 1 + key)
        for key in range(partitions)
        for n in range(size)
    ]


def member(port_id: str, guid: Guid, key: int) -> Member:
    """Return a full member by way of a physical port, whose table the fabric has."""
    return Member(port_id, f"host of {guid}", guid, PartitionKey(key), Membership.FULL, shared=True)

# SPDX-License-Identifier: Apache-2.0
"""Choosing the adapter that serves a network, and waiting for its partition to be there."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import TableEntry

if TYPE_CHECKING:
    from ibstack.neutron.agents.interface_networks import ServedNetwork
    from ibstack.neutron.agents.ipoib_parent import Parent, Parents

LOG = logging.getLogger(__name__)

_LOOK_AGAIN_S: Final = 0.2


class ParentChoice:
    """Chooses among the interfaces of a physical network.  Safe to use from many threads."""

    def __init__(self, parents: Parents, wait_s: float) -> None:
        """*wait_s*: how long to wait for a P_Key, in seconds."""
        self._parents = parents
        self._wait_s = wait_s
        self._missing = _Missing()
        self._lock = threading.Lock()

    def usable(self, wanted: ServedNetwork) -> tuple[str, ...]:
        """Return the interfaces that are up; all of them where none is: nothing is better."""
        up = (name for name in wanted.interfaces if self._parents.read(name).trouble is None)
        return tuple(up) or wanted.interfaces

    def choose(self, wanted: ServedNetwork, device_name: str) -> str:
        """Return an interface that is up and whose port holds the partition; wait for that.

        Where the partition does not come in time, one that is up: the kernel puts a child into
        operation when its P_Key appears (drivers/infiniband/ulp/ipoib, ipoib_open and
        __ipoib_ib_dev_flush).  TryLater, with the reason, where none is up.
        """
        until = time.monotonic() + self._wait_s
        while True:
            with self._lock:  # What is logged follows the looks: none is older than the one before.
                chosen = self._chosen(wanted, device_name, is_last=time.monotonic() >= until)
            if chosen is not None:
                return chosen
            time.sleep(_LOOK_AGAIN_S)

    def _chosen(self, wanted: ServedNetwork, device_name: str, *, is_last: bool) -> str | None:
        """Return the interface to use, and log what changed; None where the partition may come."""
        seen = [self._parents.read(name) for name in wanted.interfaces]
        up = [parent for parent in seen if parent.trouble is None]
        if not up:
            why = "; ".join(str(parent.trouble) for parent in seen)
            raise TryLater(f"cannot plug {device_name} into network {wanted.network_id}: {why}")
        for parent in up:
            if parent.carries(wanted.entry):
                self._missing.found(wanted)
                return parent.interface
        if is_last:
            self._missing.late(wanted, up)
            return up[0].interface
        self._missing.begins(wanted, up)
        return None


class _Missing:
    """Which partitions are waited for: each thing is said once, until the partition is there.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, TableEntry], set[str]] = {}

    def begins(self, wanted: ServedNetwork, up: list[Parent]) -> None:
        if self._first_time(wanted, "begins"):
            LOG.warning("network %s waits: %s", wanted.network_id, _what_is_missing(wanted, up))

    def late(self, wanted: ServedNetwork, up: list[Parent]) -> None:
        if self._first_time(wanted, "late"):
            LOG.warning(
                "network %s is plugged in, and will work when the subnet manager has done its "
                "part: %s; see what `ibstack partition audit` says of this host",
                wanted.network_id,
                _what_is_missing(wanted, up),
            )

    def found(self, wanted: ServedNetwork) -> None:
        if self._said.pop((wanted.physical_network, wanted.entry), None):
            LOG.info("network %s has its P_Key %s now", wanted.network_id, wanted.entry)

    def _first_time(self, wanted: ServedNetwork, what: str) -> bool:
        said = self._said.setdefault((wanted.physical_network, wanted.entry), set())
        is_known = what in said
        said.add(what)
        return not is_known


def _what_is_missing(wanted: ServedNetwork, up: list[Parent]) -> str:
    names = " or ".join(parent.interface for parent in up)
    limited = TableEntry(wanted.entry.partition, full_member=False)
    if any(limited in parent.table for parent in up):
        return f"the port of {names} is only a limited member of the partition: {limited}"
    return f"P_Key {wanted.entry} is not in the table of {names}"

# SPDX-License-Identifier: Apache-2.0
"""Reaching hosts: the seam between who asks and tells them, and the ways in which they are reached.

ssh.py and folder.py implement it, and tests/transport/transport_contract.py holds of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ibstack.transport.apply_request import ApplyRequest, ApplyResult
    from ibstack.transport.query import Observation, Query


class Listener(Protocol):
    """Who is told what hosts do while others still work."""

    def finished(self, host: str, result: ApplyResult) -> None:
        """Take what a host did."""
        ...

    def waiting(self, hosts: Collection[str]) -> None:
        """Take that for some seconds nobody was heard, and that these are still at work."""
        ...


class HostTransport(Protocol):
    """Hosts, asked and told many at once: what is said of one is said of all.

    What one host cannot do is in its answer and keeps no other from it.
    """

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return UP, DOWN, INSTALLING … by host; one that is not in the answer is not known."""
        ...

    def query(self, queries: Mapping[str, Query]) -> Mapping[str, Observation]:
        """Return what each host of *queries* shows, by host."""
        ...

    def apply(
        self, requests: Mapping[str, ApplyRequest], listener: Listener | None = None
    ) -> Mapping[str, ApplyResult]:
        """Carry out each host's request, its files, then its services; return by host what it did.

        *listener* hears of each host once, as soon as it is done.
        """
        ...

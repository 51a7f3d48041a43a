# SPDX-License-Identifier: Apache-2.0
"""What is measured, from the outside: a lab with ibstack in it, or one with networking-mlnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ibstack_lab.process import Process
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.services.neutron_client import NeutronClient
    from ibstack_lab.topology import Host


class Side(Protocol):
    """One cloud under measurement."""

    name: str

    @property
    def hosts(self) -> Sequence[Host]:
        """Those with VFs."""

    @property
    def database(self) -> Path:
        """MariaDB's socket."""

    def up(self) -> None:
        """Start all of it; return when every agent is alive."""

    def down(self) -> None:
        """End all of it; harmless at any time."""

    def api(self, who: Account) -> NeutronClient:
        """Return Neutron as *who* sees it."""

    def ebrctl(self, host: Host) -> tuple[Sequence[str], Mapping[str, str]]:
        """Return the command as nova runs it on *host*, and what to add to its environment."""

    def daemons(self, host: Host) -> Mapping[str, Process]:
        """Return what serves VFs on *host*, agent and eswitchd."""

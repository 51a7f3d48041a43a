# SPDX-License-Identifier: Apache-2.0
"""What all steps of the demo share: the cloud, the words on the screen, the findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prettytable import PrettyTable

from ibstack_lab.compute import Compute
from ibstack_lab.demo.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.services.openstack_client import OpenstackClient


@dataclass(frozen=True)
class Stage:
    """One run of the demo."""

    cloud: Cloud
    show: Callable[[str], None]
    findings: Findings = field(default_factory=Findings)

    @property
    def dhcp_hosts(self) -> list[str]:
        return [host.name for host in self.cloud.topology.dhcp_hosts]

    def compute(self) -> Compute:
        return Compute(self.cloud)

    def title(self, text: str) -> None:
        self.show(f"\n{text}\n{'-' * len(text)}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show *rows* under *columns*, framed as the openstack client does it."""
        table = PrettyTable(columns, align="l")
        table.add_rows([list(row) for row in rows])
        self.show(table.get_string())

    def openstack(self, client: OpenstackClient, user: Account, command: str) -> None:
        """Show a command of the openstack client, and what it answers."""
        self.show(f"{user.name}$ openstack {command}")
        self.show(client.run(command))

# SPDX-License-Identifier: Apache-2.0
"""A broker with the accounts that a cluster's head node makes there, and files that have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oslo_config import cfg

from cluster.broker_cluster import COMPUTE as COMPUTE_HOST
from cluster.broker_cluster import HEAD, SECRETS, filled
from cluster.infiniband_cluster import ML2
from one_broker import ALL

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from ibstack.cluster.model.state import Draft
    from one_broker import Broker

ACCOUNTS: Final = "/etc/ibstack/broker-accounts.sh"
COMPUTE, FABRICD, SERVER = "ibstack-compute", "ibstack-fabricd", "ibstack-server"
READS: Final = {
    COMPUTE: (COMPUTE_HOST, "/etc/ibstack/agent.conf"),
    FABRICD: (HEAD, "/etc/ibstack/fabricd.conf"),
    SERVER: (HEAD, ML2),
}
"""By account the host and the file that have it."""
PASSWORDS: Final = {
    COMPUTE: SECRETS["agentpasswordfile"],
    FABRICD: SECRETS["fabricdpasswordfile"],
    SERVER: SECRETS["serverpasswordfile"],
    ALL: "secret",
}


@dataclass(frozen=True)
class Accounts:
    """A RabbitMQ with the accounts that a cluster's head node has the commands for."""

    broker: Broker
    cluster: Draft

    @property
    def folder(self) -> Path:
        return self.broker.lab.root

    def config(self, user: str) -> Path:
        """Write the file that has the account, as it is brought to its host, and return it."""
        host, path = READS[user]
        file = self.folder / f"{user}.conf"
        file.write_bytes(filled(self.cluster, host, path).content(None))
        return file

    def make(self) -> None:
        """Run what the head node is brought."""
        script = self.folder / "accounts.sh"
        script.write_bytes(filled(self.cluster, HEAD, ACCOUNTS).content(None))
        said = self.broker.run_script(script)
        assert not any(each in said for each in PASSWORDS.values())

    def channel(self, opened: ExitStack, user: str) -> Any:
        return self.broker.channel(opened, user, PASSWORDS[user])

    def url(self, user: str) -> str:
        """Return the `transport_url` of the account's file."""
        read = cfg.ConfigOpts()
        read.register_opt(cfg.StrOpt("transport_url"))
        read([], default_config_files=[str(self.config(user))])
        return str(read.transport_url)

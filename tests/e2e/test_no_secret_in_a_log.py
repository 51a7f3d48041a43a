# SPDX-License-Identifier: Apache-2.0
"""With the broker and the database killed and back, no log of the cloud holds its password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack_lab.services import accounts
from tenant_ports import wait_for

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud

# Neutron's servers run ibstack's driver; Keystone and the broker are others'.
_OURS = ("agent-", "eswitchd-", "fabricd-", "dhcp-", "neutron-")


def test_no_log_holds_the_clouds_password(cloud: Cloud) -> None:
    secret = cloud.services().password
    for name in ("rabbitmq", "mariadb"):
        process = cloud.process(name)
        process.stop()
        process.start()
    wait_for("Neutron answers", lambda: bool(cloud.api(accounts.OPERATOR).list("agents")))
    logs = [log for log in sorted(cloud.lab.logs.iterdir()) if log.name.startswith(_OURS)]

    texts = {log.name: log.read_text(errors="replace") for log in logs}
    assert any("Connection refused" in text for text in texts.values()), "nothing was provoked"
    assert [name for name, text in texts.items() if secret in text] == []

# SPDX-License-Identifier: Apache-2.0
"""Neutron tells nova of a port that is ready, by the lab's accounts and its `[nova]` section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenant_ports import TenantPort, wait_for

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

VF = 13


def test_nova_is_told_when_a_vf_is_ready(cloud: Cloud, red: Resource) -> None:
    port = TenantPort(cloud, red, cloud.topology.host("node002"), VF)
    port.create_bound()
    events = cloud.lab.known("nova-events").log
    plugged = f"event network-vif-plugged {port.id} completed"
    assert plugged not in events.read_text()

    port.plug()

    port.wait_until_right()
    wait_for("nova is told", lambda: plugged in events.read_text(), 30)
    assert "Failed to notify nova" not in cloud.lab.known("neutron-rpc").log.read_text()
    port.unplug()
    port.delete()
    port.wait_until_clean()

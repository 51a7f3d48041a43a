# SPDX-License-Identifier: Apache-2.0
"""What must be refused is refused with the reason, and nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import IbstackError
from ibstack_lab.services import accounts
from ibstack_lab.topology import PHYSICAL_NETWORK
from tenant_ports import TenantPort, ebrctl

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

VF = 14
FIRST = "0000:05:00.1"
MAC = "fa:16:3e:00:00:01"


def vif_type(cloud: Cloud, port: TenantPort) -> str:
    return str(cloud.api(accounts.NOVA).show("ports", port.id)["binding:vif_type"])


def test_a_second_port_with_the_same_mac_on_the_fabric_is_refused_and_the_first_untouched(
    cloud: Cloud, red: Resource, blue: Resource
) -> None:
    host = cloud.topology.host("node003")
    first, second = TenantPort(cloud, red, host, VF), TenantPort(cloud, blue, host, VF + 1)
    first.create()
    first.bind()
    first.plug()
    first.wait_until_right()
    second.mac = first.mac

    with pytest.raises(IbstackError, match=r"409|is also that of port"):
        second.create()

    first.wait_until_right()
    first.unplug()
    first.delete()
    first.wait_until_clean()


@pytest.mark.parametrize("slot", ["0000:05:1f.7", "0000:99:00.1"])
def test_an_address_that_is_no_vf_of_a_mapped_adapter_is_not_bound(
    cloud: Cloud, red: Resource, slot: str
) -> None:
    port = TenantPort(cloud, red, cloud.topology.host("node002"), VF)
    port.create()
    profile = {
        "pci_slot": slot,
        "physical_network": PHYSICAL_NETWORK,
        "pci_vendor_info": "15b3:1004",
    }
    place = {"binding:host_id": "node002", "binding:profile": profile}
    cloud.api(accounts.NOVA).update("ports", port.id, **place)

    assert vif_type(cloud, port) == "binding_failed"
    assert slot in cloud.lab.known("neutron-api").log.read_text()
    port.delete()


def test_a_vf_that_is_taken_is_not_bound_again(cloud: Cloud, red: Resource) -> None:
    host = cloud.topology.host("node002")
    first, second = TenantPort(cloud, red, host, VF), TenantPort(cloud, red, host, VF)
    for port in (first, second):
        port.create()
        port.bind()

    assert vif_type(cloud, first) == "ib_hostdev"
    assert vif_type(cloud, second) == "binding_failed"
    first.delete()
    second.delete()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (f"add-port not-a-mac x {PHYSICAL_NETWORK} ib_hostdev {FIRST}", "not-a-mac"),
        (f"add-port {MAC} x nowhere ib_hostdev {FIRST}", "nowhere"),
        (f"add-port {MAC} x {PHYSICAL_NETWORK} ib_hostdev zz", "zz"),
        (f"add-port {MAC} x {PHYSICAL_NETWORK} ib_hostdev 0000:09:00.1", "0000:09:00.1"),
        (f"add-port 02:00:00:00:00:02 x {PHYSICAL_NETWORK} ib_hostdev {FIRST}", "reserved"),
        ("add-port", "--help"),
        ("dance", "dance"),
    ],
)
def test_ebrctl_names_what_is_wrong_and_changes_nothing(
    cloud: Cloud, arguments: str, said: str
) -> None:
    done = ebrctl(cloud, "node002", *arguments.split())

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr

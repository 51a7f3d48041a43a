# SPDX-License-Identifier: Apache-2.0
"""Binding, as nova and an operator see it through Neutron's API."""

import logging
import threading
from typing import Any

import pytest

from ibstack.neutron.server.mechanism_driver import InfinibandMechanismDriver

NODE = "node003"
VF1, VF2 = "0000:05:00.1", "0000:05:00.2"
FAILED = "binding_failed"


def declined(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.message for r in caplog.records if "is left to other drivers" in r.message]


def test_a_port_of_a_live_host_is_bound_as_ib_hostdev(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, pci=VF1)

    assert port["binding:vif_type"] == "ib_hostdev"
    assert port["binding:vif_details"]["physical_network"] == "ibhostnet"
    assert port["binding:vif_details"]["connectivity"] == "l2"
    assert port["status"] == "DOWN"


def test_a_port_without_an_address_is_bound_too(cloud: Any) -> None:
    cloud.agent()

    port = cloud.port(cloud.network(), NODE)

    assert port["fixed_ips"] == []
    assert port["binding:vif_type"] == "ib_hostdev"


def test_a_flat_network_is_bound(cloud: Any) -> None:
    cloud.agent()

    port = cloud.port(cloud.network(None, kind="flat"), NODE, pci=VF1)

    assert port["binding:vif_type"] == "ib_hostdev"


@pytest.mark.parametrize(
    ("pci", "why"),
    [
        ("0000:05:07.7", "is no VF of an adapter of physical network ibhostnet"),
        ("0000:05:00.0", "is no VF of an adapter of physical network ibhostnet"),
        ("nonsense", "PCI address 'nonsense'"),
    ],
)
def test_a_pci_address_that_is_no_vf_is_declined_with_the_reason(
    cloud: Any, caplog: pytest.LogCaptureFixture, pci: str, why: str
) -> None:
    caplog.set_level(logging.INFO)
    cloud.agent()

    port = cloud.port(cloud.network(), NODE, pci=pci)

    assert port["binding:vif_type"] == FAILED
    assert len(declined(caplog)) == 1, "the binding is tried ten times, the reason said once"
    assert why in declined(caplog)[0]


def test_a_taken_vf_is_declined_and_names_who_has_it(
    cloud: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.agent()
    network = cloud.network()
    first = cloud.port(network, NODE, pci=VF1)
    second = cloud.port(network, NODE, pci=VF1)

    assert second["binding:vif_type"] == FAILED
    assert f"taken by port {first['id']}" in declined(caplog)[0]
    assert cloud.show(first["id"])["binding:vif_type"] == "ib_hostdev"


def test_a_vf_is_free_again_when_its_port_has_gone(cloud: Any) -> None:
    cloud.agent()
    network = cloud.network()
    cloud.delete(cloud.port(network, NODE, pci=VF1)["id"])

    assert cloud.port(network, NODE, pci=VF1)["binding:vif_type"] == "ib_hostdev"


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda cloud: None, "has never reported"),
        (lambda cloud: (cloud.agent(), cloud.bury(NODE)), "is not alive"),
        (lambda cloud: cloud.agent(physical_network="ibother"), "it maps ibother"),
        (lambda cloud: cloud.agent(vfs=""), "which has none"),
    ],
    ids=["no agent", "dead agent", "another physical network", "no VFs"],
)
def test_a_host_that_cannot_serve_the_port_is_declined(
    cloud: Any, caplog: pytest.LogCaptureFixture, prepare: Any, why: str
) -> None:
    caplog.set_level(logging.INFO)
    prepare(cloud)

    port = cloud.port(cloud.network(), NODE, pci=VF1)

    assert port["binding:vif_type"] == FAILED
    assert why in declined(caplog)[0]


def test_a_mac_that_makes_no_guid_is_declined(cloud: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    cloud.agent()

    port = cloud.port(cloud.network(), NODE, pci=VF1, mac_address="00:14:05:00:00:01")

    assert port["binding:vif_type"] == FAILED
    assert "where OpenSM assigns GUIDs by itself" in declined(caplog)[0]


def test_other_vnic_types_are_left_alone_without_a_word(
    cloud: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.agent()

    port = cloud.port(cloud.network(), NODE, **{"binding:vnic_type": "normal"})

    assert port["binding:vif_type"] == FAILED
    assert declined(caplog) == []
    assert port["extra_dhcp_opts"] == []


def test_another_driver_may_bind_what_is_declined(cloud: Any) -> None:
    cloud.agent()
    cloud.ethernet_agent(NODE, "ethernet")

    port = cloud.port(cloud.network(physical_network="ethernet"), NODE)

    assert port["binding:vif_type"] == "hw_veb"
    assert cloud.blocks(port["id"]) == set()
    assert cloud.ready(port["id"]) == [port["id"]], "a report of ours says nothing about it"
    assert cloud.hints.hosts == []


def test_leaving_us_for_another_driver_takes_our_blocks_along(cloud: Any) -> None:
    cloud.agent()
    cloud.fabricd()
    cloud.ethernet_agent("gateway", "ibhostnet")
    port = cloud.port(cloud.network(), NODE, pci=VF1)
    assert cloud.blocks(port["id"]) == {"IB_HOST", "IB_FABRIC"}

    cloud.update(port["id"], host="gateway", pci=None)

    assert cloud.show(port["id"])["binding:vif_type"] == "hw_veb"
    assert cloud.blocks(port["id"]) == set()


def test_vif_details_are_a_new_dict_for_each_call() -> None:
    driver = InfinibandMechanismDriver()
    wrong = []

    def bind(physical_network: str) -> None:
        for _ in range(2000):
            details = driver.get_vif_details(None, None, {"physical_network": physical_network})
            details["seen"] = physical_network
            if details["physical_network"] != physical_network or len(details) != 4:
                wrong.append(details)

    threads = [threading.Thread(target=bind, args=(f"ib{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_both_names_of_the_driver_are_installed() -> None:
    from importlib.metadata import entry_points

    found = entry_points(group="neutron.ml2.mechanism_drivers")

    assert {e.name for e in found if e.load() is InfinibandMechanismDriver} == {
        "infiniband",
        "mlnx_infiniband",
    }

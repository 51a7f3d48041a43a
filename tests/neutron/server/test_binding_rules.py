# SPDX-License-Identifier: Apache-2.0
"""Which ports the driver binds, and why not the others: the rules, without Neutron."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import KeyRange
from ibstack.fabric.pci import PciAddress, unfold
from ibstack.neutron.protocol.agent_report import ReportedAdapter
from ibstack.neutron.server.binding import Request, vif_details, why_not
from ibstack.neutron.server.options import Settings

ADAPTER = ReportedAdapter("ib", True, Guid(0x31), unfold("0000:05:00.1-0000:05:00.4"))
OTHER = ReportedAdapter("storage", False, Guid(0x41), unfold("0000:06:00.1"))
REQUEST = Request(
    mac="fa:16:3e:aa:bb:cc",
    pci_slot="0000:05:00.1",
    host="node002",
    network_type="vlan",
    physical_network="ib",
    segmentation_id=5,
)
TAKEN = {PciAddress.parse("0000:05:00.2"): "port-two"}


def judged(request: Request, settings: Settings | None = None) -> str | None:
    return why_not(request, (ADAPTER, OTHER), TAKEN, settings or Settings())


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, pci_slot=None),
        replace(REQUEST, network_type="flat", segmentation_id=None),
        replace(REQUEST, physical_network="storage", pci_slot="0000:06:00.1"),
        replace(REQUEST, segmentation_id=4094),
    ],
)
def test_what_can_be_served_is_bound(request_: Request) -> None:
    assert judged(request_) is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (replace(REQUEST, network_type="vxlan"), "of type vxlan, not vlan and flat"),
        (replace(REQUEST, segmentation_id=None), "partition key 'None'"),
        (replace(REQUEST, segmentation_id=0x8000), "must be 0x0001 to 0x7fff"),
        (replace(REQUEST, segmentation_id=0x7FF0), "outside 0x0001-0x7fef"),
        (replace(REQUEST, physical_network="eth"), "it maps ib, storage"),
        (replace(REQUEST, physical_network=None), "maps no adapter to physical network None"),
        (replace(REQUEST, pci_slot="0000:05:00.5"), "has 0000:05:00.1-0000:05:00.4"),
        (replace(REQUEST, pci_slot="0000:06:00.1"), "is no VF of an adapter of physical network"),
        (replace(REQUEST, pci_slot="05:00.1"), "expected domain:bus:device.function"),
        (replace(REQUEST, pci_slot="0000:05:00.2"), "is taken by port port-two"),
        (replace(REQUEST, mac="fa:16:3e"), "MAC address 'fa:16:3e'"),
        (replace(REQUEST, mac="01:16:3e:00:00:01"), "a multicast address names no port"),
    ],
)
def test_what_cannot_be_served_has_a_reason(request_: Request, why: str) -> None:
    assert why in (judged(request_) or "")


def test_the_options_narrow_what_is_bound() -> None:
    narrow = Settings(network_types=("flat",), owned_keys=KeyRange.parse("0x0010-0x0020"))

    assert "not flat" in (judged(REQUEST, narrow) or "")
    wide = replace(narrow, network_types=("vlan",))
    assert "outside 0x0010-0x0020" in (judged(REQUEST, wide) or "")
    assert judged(replace(REQUEST, segmentation_id=0x10), wide) is None


def test_a_host_without_adapters_says_so() -> None:
    assert "it maps none at all" in (why_not(REQUEST, (), {}, Settings()) or "")


def test_nova_gets_the_physical_network() -> None:
    assert vif_details("l2", "ib") == {
        "connectivity": "l2",
        "port_filter": False,
        "physical_network": "ib",
    }


@given(
    st.builds(
        Request,
        mac=st.text(max_size=20),
        pci_slot=st.none() | st.text(max_size=14),
        host=st.text(max_size=5),
        network_type=st.sampled_from(["vlan", "flat", "geneve"]),
        physical_network=st.none() | st.sampled_from(["ib", "eth"]),
        segmentation_id=st.none() | st.integers(),
    )
)
def test_no_request_crashes_the_judge(request_: Request) -> None:
    assert judged(request_) != ""

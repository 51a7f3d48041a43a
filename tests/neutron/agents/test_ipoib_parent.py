# SPDX-License-Identifier: Apache-2.0
"""Which adapter serves a network, and for which partition it waits: on a fake sysfs."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.errors import BadInput, BadValue, Refused, TryLater
from ibstack.fabric.partition import DEFAULT_PARTITION, PartitionKey, TableEntry
from ibstack.neutron.agents.interface_networks import Networks, ServedNetwork
from ibstack.neutron.agents.ipoib_choice import ParentChoice
from ibstack.neutron.agents.ipoib_parent import Parent, Parents
from ibstack.runtime.waiting import wait_until
from ibstack_lab.hosts import hardware
from ibstack_lab.hosts.hardware import PortState
from ibstack_lab.topology import ARTICLE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from oslo_config import cfg

    from ibstack.fabric.ipoib import IpoibMode
    from ibstack.neutron.agents.interface_options import GROUP, read_interface_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ibstack_lab.hosts.hardware import Hardware

LIMIT_S = 20
RED = TableEntry(PartitionKey(1), full_member=True)
DEFAULT = TableEntry(DEFAULT_PARTITION, full_member=True)
WANTED = ServedNetwork("network-one", "ibhostnet", ("ib0",), RED)


@pytest.fixture(params=["node002", "node003"], ids=["mlx4", "mlx5"])
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> Hardware:
    return hardware.build(ARTICLE.host(request.param), tmp_path / "sys")


def add_adapter(root: Path, interface: str, *, state: str = "4: ACTIVE", key: str = "") -> None:
    """Add port 2 of another adapter, by hand."""
    device = root / "class/net" / interface / "device"
    port = device / "infiniband" / f"mlx5_{interface}" / "ports/2"
    (port / "pkeys").mkdir(parents=True)
    (device.parent / "dev_port").write_text("1\n")
    (port / "state").write_text(f"{state}\n")
    (port / "pkeys/0").write_text("0x7fff\n")
    if key:
        (port / "pkeys/1").write_text(f"{key}\n")


def test_an_adapter_shows_its_table_and_guid(adapter: Hardware) -> None:
    adapter.show_table([0x7FFF, 0x8001, 0, 0x0002])
    parents = Parents(adapter.root)

    seen = parents.read("ib0")

    assert seen.trouble is None
    assert sorted(str(entry) for entry in seen.table) == ["0x0002", "0x7fff", "0x8001"]
    assert parents.guid("ib0") == adapter.host.port_guid
    assert parents.guid("ib9") is None


def test_a_child_needs_the_very_entry_but_of_the_default_partition(adapter: Hardware) -> None:
    adapter.show_table([0x7FFF, 0x0001])
    seen = Parents(adapter.root).read("ib0")

    assert not seen.carries(RED)
    assert seen.carries(TableEntry(RED.partition, full_member=False))
    assert seen.carries(DEFAULT)


def test_what_is_wrong_with_an_adapter_is_said(adapter: Hardware) -> None:
    look = Parents(adapter.root).read
    assert look("ib9").trouble == "there is no interface ib9 on this host"
    (adapter.root / "class/net/eno1").mkdir()
    assert look("eno1").trouble == "interface eno1 is no port of an InfiniBand adapter"
    adapter.show_port(PortState.INIT)
    assert look("ib0").trouble == "the port of ib0 is INIT; see ibstat"
    (adapter.root / "class/net/ib0/flags").write_text("0x1002\n")
    assert look("ib0").trouble == "interface ib0 is down; say: ip link set ib0 up"
    adapter.show_port(PortState.ACTIVE)
    (adapter.root / "class/net/ib0/flags").write_text("0x1003\n")
    assert look("ib0").trouble is None


def test_it_waits_for_the_partition_and_says_so_once(
    adapter: Hardware, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    choice = ParentChoice(Parents(adapter.root), LIMIT_S)
    chosen: list[str] = []
    threads = [
        threading.Thread(target=lambda: chosen.append(choice.choose(WANTED, "tap1")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: "waits: P_Key 0x8001 is not in" in caplog.text, LIMIT_S)

    adapter.show_table([0x7FFF, 0x8001])
    for thread in threads:
        thread.join(LIMIT_S)

    assert chosen == ["ib0"] * 3
    assert caplog.text.count("waits: P_Key") == 1
    assert caplog.text.count("has its P_Key 0x8001 now") == 1


class SlowToAnswer(Parents):
    """Whoever looks second hears what was so before *meanwhile*, and after it was done."""

    def __init__(self, root: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(root)
        self._meanwhile = {2: meanwhile}
        self._looks = 0

    def read(self, interface: str) -> Parent:
        self._looks += 1
        seen = super().read(interface)
        self._meanwhile.pop(self._looks, lambda: None)()
        return seen


def test_who_looked_before_the_partition_came_does_not_say_afterwards_that_it_waits(
    adapter: Hardware, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def partition_comes() -> None:
        adapter.show_table([0x7FFF, 0x8001])
        another.start()
        another.join(1)

    choice = ParentChoice(SlowToAnswer(adapter.root, partition_comes), LIMIT_S)
    another = threading.Thread(target=lambda: choice.choose(WANTED, "tap2"))

    assert choice.choose(WANTED, "tap1") == "ib0"
    another.join(LIMIT_S)

    assert caplog.text.count("waits: P_Key") == 1
    assert caplog.text.count("has its P_Key 0x8001 now") == 1


def test_after_a_while_it_goes_on_without_and_says_so_once(
    adapter: Hardware, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    choice = ParentChoice(Parents(adapter.root), 0)

    assert [choice.choose(WANTED, "tap1") for _ in range(2)] == ["ib0", "ib0"]
    assert caplog.text.count("will work when the subnet manager has done its part") == 1
    adapter.show_table([0x7FFF, 0x8001])
    choice.choose(WANTED, "tap1")
    assert caplog.text.count("has its P_Key 0x8001 now") == 1

    adapter.show_table([0x7FFF, 0x0001])
    choice.choose(WANTED, "tap1")
    assert "ib0 is only a limited member of the partition: 0x0001" in caplog.text


def test_of_several_adapters_one_is_chosen_that_is_up_and_holds_the_partition(
    tmp_path: Path,
) -> None:
    wanted = ServedNetwork("n", "ib", ("ib0", "ib1", "ib2", "ib3"), RED)
    choice = ParentChoice(Parents(tmp_path), 0)
    with pytest.raises(TryLater, match="no interface ib0 on this host; there is no interface ib1"):
        choice.choose(wanted, "tap1")

    add_adapter(tmp_path, "ib0", state="1: DOWN", key="0x8001")
    add_adapter(tmp_path, "ib1")
    add_adapter(tmp_path, "ib2", key="0x8001")
    add_adapter(tmp_path, "ib3", key="0x8001")

    assert choice.choose(wanted, "tap1") == "ib2"
    assert choice.usable(wanted) == ("ib1", "ib2", "ib3")


def test_where_no_adapter_is_up_none_is_better_than_another(tmp_path: Path) -> None:
    assert ParentChoice(Parents(tmp_path), 0).usable(WANTED) == ("ib0",)


def network(**attributes: Any) -> list[dict[str, Any]]:
    return [{f"provider:{name}": value for name, value in attributes.items()}]


def networks(found: list[dict[str, Any]]) -> Networks:
    return Networks({"ib": ("ib0",), "ib2": ("ib1", "ib2")}, lambda filters: found)


def test_the_partition_of_a_network_is_its_segmentation_id() -> None:
    found = network(network_type="vlan", physical_network="ib2", segmentation_id=0x123)

    wanted = networks(found).wanted("n")

    entry = TableEntry(PartitionKey(0x123), full_member=True)
    assert wanted == ServedNetwork("n", "ib2", ("ib1", "ib2"), entry)


def test_a_flat_network_is_the_default_partition() -> None:
    found = network(network_type="flat", physical_network="ib", segmentation_id=None)

    wanted = networks(found).wanted("n")

    assert wanted is not None
    assert wanted.entry == DEFAULT


def test_of_several_segments_the_one_that_is_mapped_serves() -> None:
    segments = [
        *network(network_type="vxlan", physical_network=None, segmentation_id=9),
        *network(network_type="vlan", physical_network="ib", segmentation_id=1),
    ]

    wanted = networks([{"id": "n", "segments": segments}]).wanted("n")

    assert wanted is not None
    assert wanted.entry == RED


def test_other_networks_are_not_served() -> None:
    found = network(network_type="vlan", physical_network="ethernet", segmentation_id=1)
    assert networks(found).wanted("n") is None
    with pytest.raises(Refused, match="Neutron has no such network"):
        networks([]).wanted("n")
    with pytest.raises(Refused, match="offers no way"):
        Networks({}, None).wanted("n")
    with pytest.raises(BadValue, match="partition key"):
        networks(network(network_type="vlan", physical_network="ib", segmentation_id=None)).wanted(
            "n"
        )


def settings(*mappings: str) -> Any:
    conf = cfg.ConfigOpts()
    conf([])
    read_interface_settings(conf)
    conf.set_override("physical_interface_mappings", list(mappings), group=GROUP)
    return read_interface_settings(conf)


def test_a_physical_network_may_have_several_interfaces() -> None:
    read = settings("ib:ib0", "storage:ib2", " ib : ib1")

    assert read.interfaces == {"ib": ("ib0", "ib1"), "storage": ("ib2",)}
    assert read.mode is IpoibMode.DATAGRAM
    assert settings().interfaces == {}


@pytest.mark.parametrize("bad", ["ib", "ib:", ":ib0", "ib:a:b", "ib:a/b"])
def test_a_mapping_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(BadInput, match="expected PHYSICAL_NETWORK:INTERFACE"):
        settings("ib:ib0", bad)


def test_a_guid_that_is_none_is_not_known(adapter: Hardware) -> None:
    (adapter.root / "class/net/ib0/address").write_text("fa:16:3e:00:00:01\n")

    assert Parents(adapter.root).guid("ib0") is None

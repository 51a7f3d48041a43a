# SPDX-License-Identifier: Apache-2.0
"""The interface drivers in real network namespaces; only the making of the link is replaced.

In a folder, and by tools/test in a process, of its own: Neutron's test base, which the tests of the
server use, has eventlet replace the library's threads on Neutron 26, and pyroute2 does not survive
that in the same process.  In an agent the two never meet: its privileged helper is a process.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neutron.agent.l3.router_info import RouterInfo
    from neutron.agent.linux import dhcp, interface, ip_lib
    from neutron.conf.agent import common as agent_options
    from neutron.conf.agent import dhcp as dhcp_options
    from oslo_config import cfg

    from ibstack.neutron.agents.interface_driver import IpoibInterfaceDriver, MultiInterfaceDriver
    from ibstack.neutron.agents.interface_options import read_interface_settings
    from ibstack.neutron.agents.ipoib_link import LinkFailed
    from neutron import privileged  # type: ignore[attr-defined]  # mypy takes tests/neutron.

from ibstack.fabric.errors import Refused, TryLater
from ibstack_lab.hosts import hardware
from ibstack_lab.hosts.hardware import PortState
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack.fabric.partition import TableEntry

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    # Neutron's imports and pyroute2's event loops warn; neither is ours to mend.
    pytest.mark.filterwarnings("default"),
]

NAMESPACE = f"ibt-{os.getpid()}"
PORT_ID = f"{os.getpid():08x}-e5c1"
NAME = f"tap{PORT_ID}"[:14]  # As Neutron names it.
RED, GREEN, PLAIN = "red-network", "green-network", "plain-network"
NETWORKS = {
    RED: ("vlan", "ibhostnet", 1),
    GREEN: ("vlan", "ibhostnet", 2),
    PLAIN: ("vlan", "ethernet", 9),
}


def get_networks(filters: dict[str, list[str]], fields: Any = None) -> list[dict[str, Any]]:
    """Answer as Neutron does."""
    return [
        {
            "id": one,
            "provider:network_type": NETWORKS[one][0],
            "provider:physical_network": NETWORKS[one][1],
            "provider:segmentation_id": NETWORKS[one][2],
        }
        for one in filters["id"]
        if one in NETWORKS
    ]


class VethDriver(IpoibInterfaceDriver):
    """Makes a veth where the real one makes a child of an InfiniBand adapter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made: list[tuple[str, str, str]] = []
        self.dies = False

    def make_link(self, parent: str, name: str, entry: TableEntry) -> None:
        self.made.append((parent, name, str(entry)))
        peer = f"p{name[1:]}"
        with contextlib.suppress(RuntimeError):
            ip_lib.IPDevice(peer).link.delete()
        ip_lib.IPWrapper().add_veth(name, peer)[1].link.set_up()
        if self.dies:
            raise LinkFailed("go on", "the test said so")


class OrdinaryDriver(interface.LinuxInterfaceDriver):
    """Stands for the site's ordinary driver."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args)
        self.plugged: list[str] = []
        self.unplugged: list[str] = []

    def plug_new(
        self,
        network_id: str,
        port_id: str,
        device_name: str,
        mac_address: str,
        bridge: Any = None,
        namespace: Any = None,
        prefix: Any = None,
        mtu: Any = None,
    ) -> None:
        device, _ = ip_lib.IPWrapper().add_veth(device_name, f"p{device_name[1:]}")
        ip_lib.IPWrapper().ensure_namespace(namespace).add_device_to_namespace(device)
        self.plugged.append(device_name)

    def unplug(
        self, device_name: str, bridge: Any = None, namespace: Any = None, prefix: Any = None
    ) -> None:
        ip_lib.IPDevice(device_name, namespace=namespace).link.delete()
        self.unplugged.append(device_name)


class VethMultiDriver(MultiInterfaceDriver):
    ipoib_driver = VethDriver


class Place:
    """A host: its sysfs, its configuration, and an agent's namespace."""

    def __init__(self, folder: Path) -> None:
        host = ARTICLE.host("node003")
        self.hardware = hardware.build(host, folder / "sys")
        self.hardware.show_table([0x7FFF, 0x8001, 0x8002])
        self.driver: Any = self.agent()

    def agent(self, kind: Any = VethDriver, **options: Any) -> Any:
        """Start an agent anew."""
        return kind(self.configuration(**options), get_networks_callback=get_networks)

    def configuration(self, *, interface_driver: str = "multi", **options: Any) -> Any:
        """Return that of an agent of Neutron, and ours in it."""
        conf = cfg.ConfigOpts()
        agent_options.register_interface_driver_opts_helper(conf)
        dhcp_options.register_agent_dhcp_opts(conf)
        conf.register_opt(cfg.StrOpt("host", default="node001"))
        conf([])
        conf.set_override("interface_driver", interface_driver)
        read_interface_settings(conf)
        chosen = {
            "physical_interface_mappings": ["ibhostnet:ib0"],
            "sysfs": str(self.hardware.root),
            "pkey_wait_s": 0,
            "ordinary_interface_driver": f"{__name__}.OrdinaryDriver",
            **options,
        }
        for name, value in chosen.items():
            conf.set_override(name, value, group="ipoib")
        return conf

    def plug(self, network: str = RED, driver: Any = None, mtu: int | None = 2044) -> None:
        (driver or self.driver).plug(
            network, "port-id", NAME, "fa:16:3e:00:00:01", namespace=NAMESPACE, mtu=mtu
        )

    def link(self, namespace: str | None = NAMESPACE) -> Any:
        return ip_lib.IPDevice(NAME, namespace=namespace).link

    def there(self, namespace: str | None = NAMESPACE) -> bool:
        return bool(ip_lib.device_exists(NAME, namespace=namespace))

    def addresses(self) -> set[str]:
        device = ip_lib.IPDevice(NAME, namespace=NAMESPACE)
        return {address["cidr"] for address in device.addr.list()}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    privileged.default.set_client_mode(False)
    for context in (privileged.link_cmd, privileged.namespace_cmd):
        context.set_client_mode(False)
    try:
        yield Place(tmp_path)
    finally:
        for name in (NAME, f"p{NAME[1:]}"):
            if ip_lib.device_exists(name):
                ip_lib.IPDevice(name).link.delete()
        if ip_lib.network_namespace_exists(NAMESPACE):
            ip_lib.delete_network_namespace(NAMESPACE)


def test_a_port_is_plugged_with_its_partition_and_mtu(place: Place) -> None:
    place.plug(mtu=2044)

    assert place.driver.made == [("ib0", NAME, "0x8001")]
    assert place.link().mtu == 2044
    assert place.link().alias == "ibstack ib0 0x8001 datagram"
    assert not place.there(None)


def test_what_is_unplugged_is_gone(place: Place) -> None:
    place.plug()

    place.driver.unplug(NAME, namespace=NAMESPACE)
    place.driver.unplug(NAME, namespace=NAMESPACE)

    assert not place.there()


def test_an_agent_that_starts_anew_keeps_what_is_right(place: Place) -> None:
    place.plug()
    place.plug(driver=(later := place.agent()), mtu=1500)

    assert later.made == []
    assert place.link().mtu == 1500


def test_what_is_right_is_kept_while_the_adapter_is_down(place: Place) -> None:
    place.plug()
    place.hardware.show_port(PortState.DOWN)
    place.plug(driver=(later := place.agent()))

    assert later.made == []


def test_what_was_made_for_another_partition_is_replaced(place: Place) -> None:
    place.plug()
    place.plug(GREEN)

    assert [entry for _, _, entry in place.driver.made] == ["0x8001", "0x8002"]
    assert place.link().alias == "ibstack ib0 0x8002 datagram"


def test_what_was_made_in_another_mode_is_replaced(place: Place) -> None:
    place.plug()
    place.plug(driver=(later := place.agent(mode="connected")))

    assert len(later.made) == 1


def test_a_child_that_was_never_moved_is_moved(place: Place) -> None:
    place.driver.make_link("ib0", NAME, "0x8001")
    place.link(None).set_alias("ibstack ib0 0x8001 datagram")
    place.plug(driver=(later := place.agent()))

    assert later.made == []
    assert place.there()
    assert not place.there(None)


def test_a_child_that_was_left_half_made_is_replaced(place: Place) -> None:
    place.driver.make_link("ib0", NAME, "0x8001")
    place.plug(driver=(later := place.agent()))

    assert len(later.made) == 1
    assert not place.there(None)


def test_trouble_is_raised_with_what_failed(place: Place) -> None:
    place.hardware.show_port(PortState.DOWN)
    with pytest.raises(TryLater, match=r"cannot plug tap.*the port of ib0 is DOWN"):
        place.plug()

    place.hardware.show_port(PortState.ACTIVE)
    place.driver.dies = True
    with pytest.raises(LinkFailed, match="the test said so"):
        place.plug()
    with pytest.raises(Refused, match="Neutron has no such network"):
        place.plug("no-network")
    with pytest.raises(Refused, match=r"mend .ipoib. physical_interface_mappings"):
        place.plug(PLAIN)


def test_an_mtu_that_the_link_refuses_is_said(place: Place) -> None:
    place.plug()

    with pytest.raises(LinkFailed, match="cannot set the MTU of tap"):
        place.driver.set_mtu(NAME, 1_000_000, namespace=NAMESPACE)


def test_addresses_come_and_go_and_the_link_local_one_of_the_guid_stays(place: Place) -> None:
    place.plug()
    device = ip_lib.IPDevice(NAME, namespace=NAMESPACE)
    # ARTICLE's node003 has port GUID 0x0002c90300000041; the universal bit is set in it already.
    device.addr.add("fe80::202:c903:0:41/64", scope="link")

    place.driver.init_l3(NAME, ["192.0.2.2/24", "2001:db8::2/64"], namespace=NAMESPACE)
    place.driver.init_l3(NAME, ["192.0.2.3/24"], namespace=NAMESPACE)

    assert "192.0.2.3/24" in place.addresses()
    assert "192.0.2.2/24" not in place.addresses()
    assert "2001:db8::2/64" not in place.addresses()
    assert "fe80::202:c903:0:41/64" in place.addresses()


def test_a_router_port_gets_its_routes(place: Place) -> None:
    place.plug()

    place.driver.init_router_port(
        NAME, ["192.0.2.1/24"], NAMESPACE, extra_subnets=[{"cidr": "198.51.100.0/24"}]
    )

    routes = ip_lib.IPDevice(NAME, namespace=NAMESPACE).route.list_onlink_routes(4)
    assert [route["cidr"] for route in routes] == ["198.51.100.0/24"]


def test_multi_leaves_other_networks_to_the_ordinary_driver(place: Place) -> None:
    multi = place.agent(VethMultiDriver)

    place.plug(PLAIN, driver=multi)
    assert multi.ordinary.plugged == [NAME]
    multi.init_l3(NAME, ["192.0.2.2/24"], namespace=NAMESPACE)
    multi.set_mtu(NAME, 1400, namespace=NAMESPACE)
    multi.unplug(NAME, namespace=NAMESPACE)
    assert multi.ordinary.unplugged == [NAME]
    assert multi.ipoib.made == []


def test_multi_plugs_infiniband_networks_and_unplugs_by_what_is_there(place: Place) -> None:
    multi = place.agent(VethMultiDriver)

    place.plug(RED, driver=multi)
    assert place.link().alias == "ibstack ib0 0x8001 datagram"
    multi.init_router_port(NAME, ["192.0.2.1/24"], NAMESPACE)
    multi.set_mtu(NAME, 1400, namespace=NAMESPACE)
    assert place.link().mtu == 1400
    later = place.agent(VethMultiDriver)
    later.unplug(NAME, namespace=NAMESPACE)

    assert not place.there()


class DhcpServerSide:
    """Neutron as the DHCP agent sees it: it hands out one port."""

    def __init__(self, port: dict[str, Any]) -> None:
        self.port = port
        self.released: list[str] = []

    def create_dhcp_port(self, body: dict[str, Any]) -> Any:
        return dhcp.DictModel(self.port)

    def update_dhcp_port(self, port_id: str, body: dict[str, Any]) -> Any:
        return dhcp.DictModel(self.port)

    def get_dhcp_port(self, port_id: str) -> Any:
        return dhcp.DictModel(self.port)

    def release_dhcp_port(self, network_id: str, device_id: str) -> None:
        self.released.append(network_id)

    def get_networks(self, filters: Any = None, fields: Any = None) -> Any:
        return [dhcp.NetModel(network) for network in get_networks(filters)]


class Manager(dhcp.DeviceManager):
    """Neutron's own, without the firewall rule that its namespace also gets."""

    def fill_dhcp_udp_checksums(self, namespace: str) -> None:
        pass


def test_neutrons_own_dhcp_code_plugs_keeps_and_unplugs_by_it(place: Place) -> None:

    subnet = {
        "id": "subnet-one",
        "ip_version": 4,
        "cidr": "192.0.2.0/24",
        "gateway_ip": None,
        "enable_dhcp": True,
        "host_routes": [],
    }
    port = {
        "id": PORT_ID,
        "mac_address": "fa:16:3e:00:00:01",
        "device_id": "reserved_dhcp_port",
        "network_id": RED,
        "device_owner": "network:dhcp",
        "fixed_ips": [{"subnet_id": "subnet-one", "ip_address": "192.0.2.2"}],
    }
    network = dhcp.NetModel(
        {
            "id": RED,
            "mtu": 2044,
            "subnets": [subnet],
            "ports": [],
            "project_id": "one",
            "tenant_id": "one",
        }
    )
    network._ns_name = NAMESPACE
    conf = place.configuration(interface_driver=f"{__name__}.VethMultiDriver")
    server = DhcpServerSide(port)

    manager = Manager(conf, server)
    assert manager.setup(network) == NAME
    assert place.link().alias == "ibstack ib0 0x8001 datagram"
    assert place.link().mtu == 2044
    assert "192.0.2.2/24" in place.addresses()
    Manager(conf, server).setup(network)
    assert "192.0.2.2/24" in place.addresses()

    manager.destroy(network, NAME)
    assert not place.there()
    assert server.released == [RED]


class Router(RouterInfo):
    """Neutron's own router as far as it plugs ports, in the namespace of this test."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.ns_name = NAMESPACE

    def get_internal_device_name(self, port_id: str) -> str:
        return NAME


def test_neutrons_own_router_code_plugs_and_unplugs_by_it(place: Place) -> None:
    conf = place.configuration()
    router = Router(VethMultiDriver(conf, get_networks_callback=get_networks))
    port = {
        "id": "port-one",
        "network_id": RED,
        "mac_address": "fa:16:3e:00:00:01",
        "mtu": 2044,
        # IPv6: IPv4 would have arping run for seconds after the test.
        "fixed_ips": [{"ip_address": "2001:db8::1", "prefixlen": 64}],
    }

    router.internal_network_added(port)
    assert place.link().alias == "ibstack ib0 0x8001 datagram"
    assert "2001:db8::1/64" in place.addresses()

    router.internal_network_removed(port)
    assert not place.there()

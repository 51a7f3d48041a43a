# SPDX-License-Identifier: Apache-2.0
"""The tools themselves judge the files; and each rejects a wrong one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from guest import guest_tools
from guest.guest_tools import Rejected
from guest.interfaces import CHILD, DHCP, IMAGE, INTERFACES, LEGACY, MAC, STATIC, STATIC_DATAGRAM
from ibstack.guest.formats import Format, render

if TYPE_CHECKING:
    from pathlib import Path

IPOIB_ADDRESS = "80:00:02:08:fe:80:00:00:00:00:00:00:fa:16:3e:00:00:0a:bc:de"


class TestNetworkManager:
    @pytest.fixture(autouse=True)
    def tool(self) -> None:
        guest_tools.need_libnm()

    @pytest.mark.parametrize("name", INTERFACES)
    def test_libnm_reads_back_what_was_meant(self, name: str) -> None:
        interface = INTERFACES[name]
        found = guest_tools.read_keyfile(*render(interface, Format.NETWORK_MANAGER))

        assert found["connection"]["interface-name"] == interface.device
        assert found["infiniband"]["transport-mode"] == interface.mode.value
        assert found["infiniband"]["mtu"] == (interface.mtu_bytes or 0)
        assert found["ipv4"]["addresses"] == [str(each) for each in interface.ipv4.addresses]
        assert found["ipv6"]["addresses"] == [str(each) for each in interface.ipv6.addresses]

    @pytest.mark.parametrize("name", INTERFACES)
    def test_libnm_reads_what_the_guest_waits_for(self, name: str) -> None:
        found = guest_tools.read_keyfile(*render(INTERFACES[name], Format.NETWORK_MANAGER))
        waited_for, other = ("ipv6", "ipv4") if name == "ipv6" else ("ipv4", "ipv6")

        assert found[waited_for]["may-fail"] is False
        assert found[other]["may-fail"] is True
        endless = 2**31 - 1 if found["ipv4"]["method"] == "auto" else 0
        assert found["ipv4"]["dhcp-timeout"] == endless

    def test_libnm_reads_the_client_id(self) -> None:
        legacy = guest_tools.read_keyfile(*render(LEGACY, Format.NETWORK_MANAGER))
        usual = guest_tools.read_keyfile(*render(DHCP, Format.NETWORK_MANAGER))

        assert legacy["ipv4"]["dhcp-client-id"] == LEGACY.client_id
        assert usual["ipv4"]["dhcp-client-id"] == "mac"

    def test_libnm_reads_the_key_of_a_child_and_none_at_index_0(self) -> None:
        child = guest_tools.read_keyfile(*render(CHILD, Format.NETWORK_MANAGER))
        usual = guest_tools.read_keyfile(*render(DHCP, Format.NETWORK_MANAGER))

        assert (child["infiniband"]["p-key"], child["infiniband"]["parent"]) == (0x8123, "ib0")
        assert usual["infiniband"]["p-key"] == -1

    def test_libnm_reads_routes_and_servers(self) -> None:
        ipv4 = guest_tools.read_keyfile(*render(STATIC, Format.NETWORK_MANAGER))["ipv4"]

        assert (ipv4["gateway"], ipv4["dns"]) == ("10.7.0.1", ["10.7.0.3"])
        assert ipv4["routes"] == ["10.9.0.0/16 10.7.0.2"]

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("transport-mode=datagram", "transport-mode=packets"),
            ("interface-name=ib0.8123", "interface-name=ib0.8001"),
            ("parent=ib0", ""),
        ],
    )
    def test_libnm_rejects_a_wrong_file(self, right: str, wrong: str) -> None:
        (file,) = render(CHILD, Format.NETWORK_MANAGER)
        assert right in file.text

        with pytest.raises(Rejected):
            guest_tools.read_keyfile(replace(file, text=file.text.replace(right, wrong)))


@pytest.mark.real
class TestNetworkd:
    @pytest.fixture(autouse=True)
    def tool(self) -> None:
        guest_tools.need_networkd()

    @pytest.mark.parametrize("name", ["dhcp", "static", "child", "image"])
    def test_the_daemon_finds_no_fault(self, name: str, tmp_path: Path) -> None:
        files = render(INTERFACES[name], Format.NETWORKD)

        guest_tools.networkd_reads(guest_tools.install(files, tmp_path))

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ("ClientIdentifier=guid", "client identifier type"),
            ("NoSuchKey=1", "Unknown key 'NoSuchKey'"),
            ("[IPoIB]\nMode=connected", "Unknown section 'IPoIB'"),
        ],
    )
    def test_the_daemon_rejects_a_wrong_file(self, wrong: str, said: str, tmp_path: Path) -> None:
        (file,) = render(DHCP, Format.NETWORKD)
        bad = replace(file, text=f"{file.text}{wrong}\n")

        with pytest.raises(Rejected, match=said):
            guest_tools.networkd_reads(guest_tools.install([bad], tmp_path))


class TestNetplan:
    @pytest.fixture(autouse=True)
    def tool(self) -> None:
        if not shutil.which("netplan"):
            pytest.skip("needs netplan: apt-get install netplan.io")

    def test_it_sets_the_identifier_and_the_mtu(self, tmp_path: Path) -> None:
        root = guest_tools.install(render(DHCP, Format.NETPLAN), tmp_path)
        made = guest_tools.netplan_generate(root)

        assert "ClientIdentifier=mac\n" in made
        assert "MTUBytes=2044\n" in made
        assert "IPv6AcceptRA=no\n" in made

    def test_it_takes_addresses_and_routes(self, tmp_path: Path) -> None:
        root = guest_tools.install(render(STATIC, Format.NETPLAN), tmp_path)
        made = guest_tools.netplan_generate(root)

        assert "Address=10.7.0.12/24\nAddress=2001:db8:7::12/64\n" in made
        assert "Destination=10.9.0.0/16\nGateway=10.7.0.2\n" in made
        assert "DNS=10.7.0.3\nDNS=2001:db8:7::3\n" in made

    @pytest.mark.parametrize("name", ["dhcp", "static", "static-datagram", "no-mtu", "ipv6"])
    def test_networkmanager_gets_an_infiniband_connection_of_it(
        self, name: str, tmp_path: Path
    ) -> None:
        guest_tools.need_libnm()
        interface = INTERFACES[name]
        root = guest_tools.install(render(interface, Format.NETPLAN), tmp_path)
        found = guest_tools.read_keyfile(guest_tools.netplan_keyfile(root))

        assert found["connection"]["type"] == "infiniband"
        assert found["infiniband"]["transport-mode"] == interface.mode.value
        assert found["infiniband"]["mtu"] == (interface.mtu_bytes or 0)
        assert found["ipv4"]["addresses"] == [str(each) for each in interface.ipv4.addresses]

    def test_without_the_mode_networkmanager_would_get_an_ethernet_connection(
        self, tmp_path: Path
    ) -> None:
        guest_tools.need_libnm()
        (file,) = render(DHCP, Format.NETPLAN)
        bad = replace(file, text=file.text.replace("      infiniband-mode: datagram\n", ""))
        root = guest_tools.install([bad], tmp_path)

        found = guest_tools.read_keyfile(guest_tools.netplan_keyfile(root))
        assert found["connection"]["type"] == "802-3-ethernet"

    def test_it_takes_the_configuration_of_an_image(self, tmp_path: Path) -> None:
        root = guest_tools.install(render(IMAGE, Format.NETPLAN), tmp_path)

        assert "IPv6AcceptRA=yes\n" in guest_tools.netplan_generate(root)

    @pytest.mark.parametrize("wrong", ["dhcp-identifier: guid", "no-such-key: 1"])
    def test_it_rejects_a_wrong_file(self, wrong: str, tmp_path: Path) -> None:
        (file,) = render(DHCP, Format.NETPLAN)
        bad = replace(file, text=file.text.replace("dhcp-identifier: mac", wrong))

        with pytest.raises(Rejected, match=wrong.partition(":")[0]):
            guest_tools.netplan_generate(guest_tools.install([bad], tmp_path))


class TestIfcfg:
    @pytest.mark.parametrize("name", INTERFACES)
    def test_a_shell_reads_it(self, name: str) -> None:
        interface = INTERFACES[name]
        found = guest_tools.sourced(render(interface, Format.IFCFG)[0])

        assert found["DEVICE"] == interface.device
        assert found["TYPE"] == "InfiniBand"

    def test_a_shell_rejects_a_wrong_file(self) -> None:
        file = render(DHCP, Format.IFCFG)[0]

        with pytest.raises(Rejected):
            guest_tools.sourced(replace(file, text=f"{file.text}MTU='2044\n"))

    @pytest.mark.parametrize("name", ["dhcp", "static-datagram"])
    def test_cloud_init_writes_the_same_keys(self, name: str, tmp_path: Path) -> None:
        """The format has no schema: this is what another writer of it makes of the same wishes."""
        guest_tools.need_cloud_init()
        interface = INTERFACES[name]
        ours = guest_tools.sourced(render(interface, Format.IFCFG)[0])
        (data,) = render(interface, Format.CLOUD_INIT)
        written = guest_tools.cloud_init_renders("sysconfig", data, tmp_path)
        text = written["etc/sysconfig/network-scripts/ifcfg-ib0"]
        theirs = guest_tools.sourced(replace(data, text=text))

        shared = ours.keys() & theirs.keys() - {"BOOTPROTO"}
        assert {"DEVICE", "TYPE", "ONBOOT", "MTU"} <= shared
        assert {k: ours[k] for k in shared} == {k: theirs[k] for k in shared}
        assert theirs["HWADDR"] == IPOIB_ADDRESS


class TestCloudInit:
    @pytest.fixture(autouse=True)
    def tool(self) -> None:
        guest_tools.need_cloud_init()

    def test_it_finds_the_interface_by_the_mac_address_of_the_port(self, tmp_path: Path) -> None:
        (data,) = render(DHCP, Format.CLOUD_INIT)
        made = guest_tools.cloud_init_renders("sysconfig", data, tmp_path)

        assert MAC in data.text
        text = made["etc/sysconfig/network-scripts/ifcfg-ib0"]
        assert "TYPE=InfiniBand\n" in text
        assert "BOOTPROTO=dhcp\n" in text

    def test_it_takes_static_addresses_routes_and_servers(self, tmp_path: Path) -> None:
        (data,) = render(STATIC_DATAGRAM, Format.CLOUD_INIT)
        made = guest_tools.cloud_init_renders("network-manager", data, tmp_path)
        (text,) = made.values()

        assert "type=infiniband\n" in text
        assert "address1=10.7.0.12/24\n" in text
        assert "10.9.0.0/16,10.7.0.2\n" in text

    @pytest.mark.parametrize("name", ["dhcp", "static-datagram", "ipv6"])
    def test_networkmanager_takes_the_connection_that_it_makes(
        self, name: str, tmp_path: Path
    ) -> None:
        guest_tools.need_libnm()
        (data,) = render(INTERFACES[name], Format.CLOUD_INIT)
        made = guest_tools.cloud_init_renders("network-manager", data, tmp_path)
        (text,) = made.values()

        found = guest_tools.read_keyfile(replace(data, text=text))
        assert found["infiniband"]["transport-mode"] == "datagram"
        assert found["infiniband"]["mtu"] == 2044

    def test_networkmanager_would_refuse_it_without_an_mtu(self, tmp_path: Path) -> None:
        (data,) = render(DHCP, Format.CLOUD_INIT)
        bad = replace(data, text=data.text.replace('"mtu": 2044', '"mtu": null'))
        (text,) = guest_tools.cloud_init_renders("network-manager", bad, tmp_path).values()

        assert "transport-mode" not in text

    def test_it_rejects_the_address_of_another_port(self, tmp_path: Path) -> None:
        (data,) = render(DHCP, Format.CLOUD_INIT)
        other = replace(data, text=data.text.replace(MAC, "fa:16:3e:0a:bc:df"))

        with pytest.raises(Rejected, match="Unable to find a system nic"):
            guest_tools.cloud_init_renders("sysconfig", other, tmp_path)

    def test_version_2_reaches_netplan_unchanged(self, tmp_path: Path) -> None:
        (config,) = render(DHCP, Format.CLOUD_INIT_V2)
        (text,) = guest_tools.cloud_init_renders("netplan", config, tmp_path).values()

        assert "dhcp-identifier: mac\n" in text
        assert "mtu: 2044\n" in text

    def test_it_rejects_a_version_that_there_is_not(self, tmp_path: Path) -> None:
        (config,) = render(DHCP, Format.CLOUD_INIT_V2)
        bad = replace(config, text=config.text.replace("version: 2", "version: 7"))

        with pytest.raises(Rejected):
            guest_tools.cloud_init_renders("netplan", bad, tmp_path)

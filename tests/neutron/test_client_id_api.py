# SPDX-License-Identifier: Apache-2.0
"""The DHCP client-id that is written to each InfiniBand port."""

from typing import Any

from ibstack.fabric.ipoib import ClientIdForm
from ibstack.neutron.options import Settings

NODE = "node003"
MAC = "fa:16:3e:aa:bb:cc"
OURS = {"opt_name": "client-id", "opt_value": "20:fa:16:3e:00:00:aa:bb:cc", "ip_version": 4}
BOOT = {"opt_name": "bootfile-name", "opt_value": "pxelinux.0", "ip_version": 4}


def options(port: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(port["extra_dhcp_opts"], key=lambda o: str(o["opt_name"]))


def test_it_is_in_the_answer_to_create_and_kept(cloud: Any) -> None:
    cloud.agent()

    port = cloud.port(cloud.network(), mac_address=MAC)

    assert options(port) == [OURS]
    assert options(cloud.show(port["id"])) == [OURS]


def test_it_is_written_when_the_port_is_bound_where_the_fabric_was_not_known_before(
    cloud: Any,
) -> None:
    port = cloud.port(cloud.network(), mac_address=MAC)
    assert options(port) == []
    cloud.agent()

    port = cloud.update(port["id"], host=NODE, pci="0000:05:00.1")

    assert options(port) == [OURS]


def test_other_options_of_the_user_stay(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), mac_address=MAC, extra_dhcp_opts=[BOOT])

    assert options(port) == [BOOT, OURS]
    assert options(cloud.update(port["id"], host=NODE)) == [BOOT, OURS]


def test_a_client_id_of_the_user_wins(cloud: Any) -> None:
    cloud.agent()
    mine = {"opt_name": "client-id", "opt_value": "01:02:03", "ip_version": 4}

    port = cloud.port(cloud.network(), mac_address=MAC, extra_dhcp_opts=[mine])

    assert options(port) == [mine]
    assert options(cloud.update(port["id"], host=NODE)) == [mine]


def test_a_client_id_by_number_wins_too(cloud: Any) -> None:
    cloud.agent()
    mine = {"opt_name": "61", "opt_value": "01:02:03", "ip_version": 4}

    assert options(cloud.port(cloud.network(), extra_dhcp_opts=[mine])) == [mine]


def test_a_user_may_set_one_later(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), mac_address=MAC)
    mine = {"opt_name": "client-id", "opt_value": "01:02:03", "ip_version": 4}

    assert options(cloud.update(port["id"], extra_dhcp_opts=[mine])) == [mine]


def test_one_that_a_user_deletes_comes_back(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), mac_address=MAC)
    deletion = {"opt_name": "client-id", "opt_value": None}

    assert options(cloud.update(port["id"], extra_dhcp_opts=[deletion])) == [OURS]


def test_it_follows_the_mac(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), mac_address=MAC, extra_dhcp_opts=[BOOT])

    port = cloud.update(port["id"], mac_address="fa:16:3e:00:00:09")

    assert options(port) == [BOOT, {**OURS, "opt_value": "20:fa:16:3e:00:00:00:00:09"}]
    assert options(cloud.show(port["id"])) == options(port)


def test_the_legacy_form_is_an_option(cloud: Any) -> None:
    cloud.driver.settings = Settings(client_id_form=ClientIdForm.LEGACY)
    cloud.agent()

    port = cloud.port(cloud.network(), mac_address=MAC)

    legacy = "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:aa:bb:cc"
    assert options(port) == [{**OURS, "opt_value": legacy}]


def test_ports_of_an_ethernet_network_get_none(cloud: Any) -> None:
    cloud.agent()

    assert options(cloud.port(cloud.network(physical_network="ethernet"))) == []


def test_ports_that_are_created_in_one_request_get_theirs(cloud: Any) -> None:
    cloud.agent()

    ports = cloud.ports(cloud.network(), [MAC, "fa:16:3e:00:00:09"])

    values = [[o["opt_value"] for o in options(cloud.show(port["id"]))] for port in ports]
    assert values == [["20:fa:16:3e:00:00:aa:bb:cc"], ["20:fa:16:3e:00:00:00:00:09"]]
    assert [options(port) for port in ports] == [options(cloud.show(p["id"])) for p in ports]


def test_reports_of_the_agents_leave_the_options_alone(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), NODE, mac_address=MAC, extra_dhcp_opts=[BOOT])

    cloud.ready(port["id"])
    cloud.gone(port["id"])
    cloud.ready(port["id"])

    assert options(cloud.show(port["id"])) == [BOOT, OURS]

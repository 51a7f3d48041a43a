# SPDX-License-Identifier: Apache-2.0
"""The DHCP client-id that is written to each InfiniBand port."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.ipoib import ClientIdForm

if TYPE_CHECKING:
    from collections.abc import Callable

NODE = "node003"
MAC = "fa:16:3e:aa:bb:cc"
OURS = {"opt_name": "client-id", "opt_value": "20:fa:16:3e:00:00:aa:bb:cc", "ip_version": 4}
# Of an adapter whose guest keeps the GUID that it was made with.
MINE = "20:00:02:c9:03:00:00:00:41"
LEGACY = "ff:00:00:00:00:00:02:00:00:02:c9:00:00:02:c9:03:00:00:00:41"
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
    cloud.infiniband()
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
    mine = {"opt_name": "client-id", "opt_value": MINE, "ip_version": 4}

    port = cloud.port(cloud.network(), mac_address=MAC, extra_dhcp_opts=[mine])

    assert options(port) == [mine]
    assert options(cloud.update(port["id"], host=NODE)) == [mine]


def test_a_client_id_by_number_wins_too(cloud: Any) -> None:
    cloud.agent()
    mine = {"opt_name": "61", "opt_value": MINE, "ip_version": 4}

    assert options(cloud.port(cloud.network(), extra_dhcp_opts=[mine])) == [mine]


@pytest.mark.parametrize("value", [LEGACY, MINE.upper()])
def test_both_known_forms_may_be_set_and_win(cloud: Any, value: str) -> None:
    cloud.agent()
    mine = {"opt_name": "client-id", "opt_value": value, "ip_version": 4}

    assert options(cloud.port(cloud.network(), extra_dhcp_opts=[mine])) == [mine]


UNKNOWN = [
    f"{MINE} ",
    "20:0:2:c9:3:0:0:0:41",
    "01:02:03",
    "01:fa:16:3e:aa:bb:cc",
    "ff:00:00:00:00:00:02:00:00:02:c9:00",
    "guest one",
]


@pytest.mark.parametrize("name", ["client-id", "61"])
@pytest.mark.parametrize("value", UNKNOWN)
def test_an_unknown_form_is_refused_with_the_reason(cloud: Any, name: str, value: str) -> None:
    cloud.agent()
    network = cloud.network()
    port = cloud.port(network, NODE, mac_address=MAC)
    bad = {"opt_name": name, "opt_value": value, "ip_version": 4}

    attempts: list[Callable[[], object]] = [
        lambda: cloud.port(network, extra_dhcp_opts=[bad]),
        lambda: cloud.update(port["id"], extra_dhcp_opts=[bad]),
    ]
    for attempt in attempts:
        with pytest.raises(Exception, match=r"400: .*expected 20:"):
            attempt()
    assert options(cloud.show(port["id"])) == [OURS]


def test_on_ethernet_every_form_may_be_set(cloud: Any) -> None:
    cloud.agent()
    mine = {"opt_name": "client-id", "opt_value": "01:02:03", "ip_version": 4}

    port = cloud.port(cloud.network(physical_network="ethernet"), extra_dhcp_opts=[mine])

    assert options(port) == [mine]


def test_one_that_was_set_before_the_network_was_known_is_left_alone(cloud: Any) -> None:
    old = {"opt_name": "client-id", "opt_value": "01:02:03", "ip_version": 4}
    cloud.infiniband()
    port = cloud.port(cloud.network(), extra_dhcp_opts=[old])
    cloud.infiniband("ibhostnet")
    cloud.agent()

    assert options(cloud.update(port["id"], host=NODE)) == [old]


def test_a_user_may_set_one_later(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(), mac_address=MAC)
    mine = {"opt_name": "client-id", "opt_value": MINE, "ip_version": 4}

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
    cloud.driver.settings = replace(cloud.driver.settings, client_id_form=ClientIdForm.LEGACY)
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

# SPDX-License-Identifier: Apache-2.0
"""What is another's on InfiniBand is refused with 409: a client-id, a GUID of the fabric."""

from __future__ import annotations

from typing import Any

import pytest

NODE = "node003"
VICTIM = "fa:16:3e:aa:bb:cc"
THIEF = "fa:16:3e:00:00:02"
OF_VICTIM = "20:fa:16:3e:00:00:aa:bb:cc"
LEGACY_OF_VICTIM = "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:aa:bb:cc"
KEPT = "20:00:02:c9:03:00:00:00:41"
PHYSICAL = "0x0011750000000041"
MAC_OF_PHYSICAL = "00:11:75:00:00:41"


def client_id(value: str, name: str = "client-id", version: int = 4) -> list[dict[str, Any]]:
    return [{"opt_name": name, "opt_value": value, "ip_version": version}]


def refusal(call: Any, *arguments: Any, **attributes: Any) -> tuple[int, str]:
    """Return the HTTP status and the message with which Neutron refuses."""
    with pytest.raises(Exception, match="cannot give port") as caught:
        call(*arguments, **attributes)
    refused: Any = caught.value
    return refused.status, str(refused)


@pytest.mark.parametrize(
    "options",
    [
        client_id(OF_VICTIM),
        client_id(OF_VICTIM.upper()),
        client_id(OF_VICTIM, "61"),
        client_id(OF_VICTIM, version=6),
        client_id(LEGACY_OF_VICTIM),
    ],
)
@pytest.mark.parametrize("kind", ["direct", "normal"])
def test_a_client_id_of_another_port_is_refused(cloud: Any, options: Any, kind: str) -> None:
    network = cloud.network()
    victim = cloud.port(network, mac_address=VICTIM)
    thief = cloud.port(network, mac_address=THIEF, **{"binding:vnic_type": kind})

    created = refusal(cloud.port, network, extra_dhcp_opts=options, **{"binding:vnic_type": kind})
    changed = refusal(cloud.update, thief["id"], extra_dhcp_opts=options)

    assert (created[0], changed[0]) == (409, 409)
    assert "choose another one" in created[1]
    assert victim["id"] not in created[1] + changed[1], "it may be another project's"


def test_a_client_id_that_a_user_gave_another_port_is_refused(cloud: Any) -> None:
    network = cloud.network()
    cloud.port(network, mac_address=VICTIM, extra_dhcp_opts=client_id(KEPT))

    assert refusal(cloud.port, network, extra_dhcp_opts=client_id(KEPT))[0] == 409


def test_what_the_guest_of_another_port_sends_by_itself_is_refused_too(cloud: Any) -> None:
    network = cloud.network()
    cloud.port(network, mac_address=VICTIM, extra_dhcp_opts=client_id(KEPT))

    assert refusal(cloud.port, network, extra_dhcp_opts=client_id(OF_VICTIM))[0] == 409


def test_a_mac_whose_client_id_another_port_has_is_refused(cloud: Any) -> None:
    network = cloud.network()
    cloud.port(network, mac_address=THIEF, extra_dhcp_opts=client_id(OF_VICTIM))
    port = cloud.port(network, mac_address="fa:16:3e:00:00:03")

    created = refusal(cloud.port, network, mac_address=VICTIM)
    changed = refusal(cloud.update, port["id"], mac_address=VICTIM)

    assert (created[0], changed[0]) == (409, 409)
    assert "choose another MAC address" in created[1]


def test_a_port_that_becomes_a_vf_is_judged_anew(cloud: Any) -> None:
    cloud.infiniband()
    network = cloud.network()
    cloud.port(network, mac_address=VICTIM)
    thief = cloud.port(
        network, extra_dhcp_opts=client_id(OF_VICTIM), **{"binding:vnic_type": "normal"}
    )
    cloud.infiniband("ibhostnet")

    assert refusal(cloud.update, thief["id"], **{"binding:vnic_type": "direct"})[0] == 409


def test_another_network_may_have_the_same_client_id(cloud: Any) -> None:
    cloud.port(cloud.network(1), extra_dhcp_opts=client_id(KEPT))

    cloud.port(cloud.network(2), extra_dhcp_opts=client_id(KEPT))


def test_on_ethernet_nobody_asks(cloud: Any) -> None:
    network = cloud.network(physical_network="ethernet")
    cloud.port(network, extra_dhcp_opts=client_id(KEPT))

    cloud.port(network, extra_dhcp_opts=client_id(KEPT))


def test_a_port_may_say_its_own_client_id_and_be_changed_otherwise(cloud: Any) -> None:
    network = cloud.network()
    port = cloud.port(network, mac_address=VICTIM, extra_dhcp_opts=client_id(OF_VICTIM))

    cloud.update(port["id"], extra_dhcp_opts=client_id(LEGACY_OF_VICTIM))
    cloud.update(port["id"], name="x")


def test_a_mac_whose_guid_is_a_physical_ports_is_refused(cloud: Any) -> None:
    cloud.agent("node009", port_guid=PHYSICAL)
    network = cloud.network()
    port = cloud.port(network)

    created = refusal(cloud.port, network, mac_address=MAC_OF_PHYSICAL)
    changed = refusal(cloud.update, port["id"], mac_address=MAC_OF_PHYSICAL)

    assert (created[0], changed[0]) == (409, 409)
    assert PHYSICAL in created[1]
    assert "node009" not in created[1] + changed[1]
    cloud.port(network, mac_address="00:11:75:00:00:42")


def test_a_mac_whose_guid_is_the_sites_is_refused(cloud: Any) -> None:
    cloud.fabricd(reserved_guids=[PHYSICAL])

    assert refusal(cloud.port, cloud.network(), mac_address=MAC_OF_PHYSICAL)[0] == 409


def test_a_host_makes_no_network_infiniband(cloud: Any) -> None:
    cloud.infiniband()
    cloud.agent("node009", physical_network="ethernet")
    network = cloud.network(1, physical_network="ethernet")

    port = cloud.port(network, mac_address=VICTIM)

    assert port["extra_dhcp_opts"] == []
    cloud.port(cloud.network(2, physical_network="ethernet"), mac_address=VICTIM)


def test_what_fabricd_serves_is_infiniband_as_long_as_it_says_so(cloud: Any) -> None:
    cloud.infiniband()
    cloud.fabricd()
    known = cloud.port(cloud.network(1))
    cloud.fabricd(physical_network="ibstorage")

    assert known["extra_dhcp_opts"] != []
    assert cloud.port(cloud.network(2))["extra_dhcp_opts"] == []


def test_what_the_operator_lists_is_all_there_is(cloud: Any) -> None:
    cloud.infiniband("ibstorage")
    cloud.fabricd()

    assert cloud.port(cloud.network())["extra_dhcp_opts"] == []

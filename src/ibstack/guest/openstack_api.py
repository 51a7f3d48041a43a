# SPDX-License-Identifier: Apache-2.0
"""Ports and networks from the API, through openstacksdk: OS_* in the environment, or OS_CLOUD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.guest.neutron_port import NeutronNetwork, NeutronPort, NeutronSubnet

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _Value = TypeVar("_Value")


class NetworkApi:
    """What the user of the environment may see; BadInput where it is not there."""

    def __init__(self) -> None:
        self._network = _ask("connect to the cloud", lambda: openstack.connect().network)

    def port(self, name_or_id: str) -> tuple[NeutronPort, NeutronNetwork]:
        found = self._find("port", name_or_id, self._network.find_port)
        return port_of(found), self.network(str(found["network_id"]))

    def network(self, name_or_id: str) -> NeutronNetwork:
        found = self._find("network", name_or_id, self._network.find_network)
        subnets = _ask(
            f"read the subnets of network {name_or_id}",
            lambda: list(self._network.subnets(network_id=found["id"])),
        )
        return network_of(found, subnets)

    @staticmethod
    def _find(kind: str, name_or_id: str, find: Callable[..., Any]) -> Any:
        found = _ask(f"find {kind} {name_or_id!r}", lambda: find(name_or_id, ignore_missing=True))
        if found is None:
            raise BadInput(
                f"cannot find {kind} {name_or_id!r}: the cloud shows this user none of that name"
                " or id"
            )
        return found


def port_of(port: Any) -> NeutronPort:
    """Read a port as openstacksdk has it, or as the API's JSON."""
    options = port["extra_dhcp_opts"] if "extra_dhcp_opts" in port else port["extra_dhcp_options"]
    identifiers = [
        str(option["opt_value"])
        for option in options or ()
        # The names that Neutron's DHCP agent takes: neutron/agent/linux/dhcp.py, _get_client_id().
        if option["opt_name"] in {"client-id", "61"} and option.get("ip_version", 4) == 4
    ]
    return NeutronPort(
        mac=str(port["mac_address"]),
        fixed_ips=tuple((str(e["subnet_id"]), str(e["ip_address"])) for e in port["fixed_ips"]),
        client_id=identifiers[0].lower() if identifiers else None,
    )


def network_of(network: Any, subnets: list[Any]) -> NeutronNetwork:
    """Read a network and its subnets as openstacksdk has them."""
    return NeutronNetwork(
        name=str(network["name"] or network["id"]),
        mtu_bytes=None if network["mtu"] is None else int(network["mtu"]),
        subnets=tuple(
            NeutronSubnet(
                id=str(subnet["id"]),
                cidr=str(subnet["cidr"]),
                dhcp=bool(subnet["is_dhcp_enabled"]),
                ipv6_ra_mode=subnet["ipv6_ra_mode"],
                gateway=subnet["gateway_ip"],
                dns=tuple(map(str, subnet["dns_nameservers"] or ())),
                routes=tuple(
                    (str(route["destination"]), str(route["nexthop"]))
                    for route in subnet["host_routes"] or ()
                ),
            )
            for subnet in subnets
        ),
    )


def _ask(what: str, question: Callable[[], _Value]) -> _Value:
    try:
        return question()
    except (SDKException, ClientException) as error:
        raise TryLater(
            f"cannot {what}: {error}; is the cloud up, and are OS_AUTH_URL, OS_USERNAME and the"
            " rest of OS_* in the environment?"
        ) from error

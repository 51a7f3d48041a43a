# SPDX-License-Identifier: Apache-2.0
"""What Neutron takes for a VF port of InfiniBand and nothing enforces, and what it refuses.

Tried on the real API with the plugins that know of ports; docs/reference/driver.md says the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explained_ports import healthy
from ibstack.diagnose.diagnosis import diagnose

from .conftest import NODE, Refused

if TYPE_CHECKING:
    from .conftest import Cloud

MINE = {"tenant_id": "tenant-one"}


class Site:
    """A cloud with one network of the fabric that has a subnet, and a host that can bind."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        cloud.agent()
        cloud.fabricd()
        self.network = cloud.network(5)
        self.subnet = self.make("subnets", self.net(self.network, "10.1.0.0/24"))["id"]

    @staticmethod
    def net(network: str, cidr: str) -> dict[str, Any]:
        return {"network_id": network, "cidr": cidr, "ip_version": 4}

    def make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name = "policy" if path == "qos/policies" else path.removesuffix("s").replace("-", "_")
        return dict(self.cloud.call("POST", path, {name: {**MINE, **body}})[name])

    def port(self, pci: str | None = None, **attributes: Any) -> dict[str, Any]:
        fixed = [{"subnet_id": self.subnet}]
        made = self.cloud.port(self.network, fixed_ips=fixed, **attributes)
        return made if pci is None else self.cloud.update(made["id"], host=NODE, pci=pci)

    def limit(self) -> str:
        policy = self.make("qos/policies", {"name": "slow"})["id"]
        rule = {"max_kbps": 1000, "max_burst_kbps": 100}
        path = f"qos/policies/{policy}/bandwidth_limit_rules"
        self.cloud.call("POST", path, {"bandwidth_limit_rule": rule})
        return str(policy)

    def slow(self, port: dict[str, Any], policy: str) -> None:
        body = {"port": {"qos_policy_id": policy}}
        self.cloud.call("PUT", f"ports/{port['id']}", body)


def test_both_pages_say_so() -> None:
    docs = Path(__file__).parents[3] / "docs"
    words = "security groups, port security, allowed address pairs"

    for page in ("reference/driver.md", "explanation/isolation.md"):
        text = (docs / page).read_text()
        assert words in text.lower()
        assert "not enforced on a VF" in text


def test_the_explanation_of_a_port_says_so() -> None:
    walked = [finding.found for _, finding in diagnose(healthy("mlx5")).walked]

    assert "vif type ib_hostdev; security groups: not enforced on a VF" in walked


@pytest.fixture
def site(cloud_with_plugins: Cloud) -> Site:
    return Site(cloud_with_plugins)


def test_groups_port_security_and_address_pairs_are_taken_and_said_not_to_filter(
    site: Site,
) -> None:
    # Of its own: not every release makes a project's default group for a port.
    group = site.make("security-groups", {"name": "ours"})["id"]
    port = site.port("0000:05:00.1", security_groups=[group])

    assert port["security_groups"] == [group]
    assert port["port_security_enabled"] is True
    assert port["binding:vif_type"] == "ib_hostdev"
    assert port["binding:vif_details"]["port_filter"] is False
    pairs = site.cloud.update(port["id"], allowed_address_pairs=[{"ip_address": "10.1.0.99"}])
    assert pairs["allowed_address_pairs"][0]["ip_address"] == "10.1.0.99"


def test_a_trunk_is_refused_on_a_bound_port_and_taken_before(site: Site) -> None:
    bound, unbound = site.port("0000:05:00.1"), site.port()

    with pytest.raises(Refused, match="ParentPortInUse"):
        site.make("trunks", {"port_id": bound["id"], "sub_ports": []})
    site.make("trunks", {"port_id": unbound["id"], "sub_ports": []})

    again = site.cloud.update(unbound["id"], host=NODE, pci="0000:05:00.2")
    assert again["binding:vif_type"] == "ib_hostdev"


def test_a_qos_policy_with_a_limit_is_refused(site: Site) -> None:
    policy = site.limit()

    for port in (site.port("0000:05:00.1"), site.port()):
        with pytest.raises(Refused, match="QosRuleNotSupported"):
            site.slow(port, policy)


def test_floating_addresses_and_forwarded_ports_are_the_routers_own(site: Site) -> None:
    """They are rules of the router's namespace, so the VF has nothing to do with them."""
    outside = site.cloud.call(
        "POST", "networks", {"network": {"name": "outside", "router:external": True, **MINE}}
    )["network"]["id"]
    site.make("subnets", site.net(outside, "192.0.2.0/24"))
    gateway = {"external_gateway_info": {"network_id": outside}}
    router = site.make("routers", {"name": "r", **gateway})["id"]
    add = f"routers/{router}/add_router_interface"
    site.cloud.call("PUT", add, {"subnet_id": site.subnet})
    port = site.port("0000:05:00.1")

    whole = site.make("floatingips", {"floating_network_id": outside, "port_id": port["id"]})
    shared = site.make("floatingips", {"floating_network_id": outside})["id"]
    other = site.port("0000:05:00.2")
    forwarding = {
        "protocol": "tcp",
        "internal_port": 22,
        "external_port": 2222,
        "internal_port_id": other["id"],
        "internal_ip_address": other["fixed_ips"][0]["ip_address"],
    }
    path = f"floatingips/{shared}/port_forwardings"
    answer = site.cloud.call("POST", path, {"port_forwarding": forwarding})

    assert whole["router_id"] == router
    assert answer["port_forwarding"]["internal_port_id"] == other["id"]


def test_what_is_not_defended_names_each() -> None:
    page = (Path(__file__).parents[3] / "docs/explanation/trust.md").read_text()

    for word in ("trunk", "QoS", "floating", "port security"):
        assert word in page

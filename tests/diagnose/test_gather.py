# SPDX-License-Identifier: Apache-2.0
"""All hosts of a port's way are asked, and no answer of Neutron keeps the walk from speaking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from diagnose.test_neutron_facts import MAC, PCI, Neutron, agent, port
from ibstack.diagnose.diagnosis import diagnose
from ibstack.diagnose.gather import gather
from ibstack.diagnose.host_facts import HostFacts, Question
from ibstack.diagnose.remote_facts import no_facts

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Hosts:
    """None of them can be reached; who was asked is kept."""

    asked: list[tuple[str, Question]] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    """The hosts of each question to several at once."""

    def read(self, questions: Mapping[str, Question]) -> dict[str, HostFacts]:
        self.asked += questions.items()
        self.batches.append([*questions])
        return {host: no_facts(f"{host} is away") for host in questions}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"binding:profile": {"pci_slot": "5:0"}}, "the port's pci_slot '5:0' is no PCI address"),
        ({"mac_address": "01:00:00:00:00:01"}, "the port's MAC 01:00:00:00:00:01 cannot be made"),
        ({"network_id": "n9"}, "Neutron shows this user no network n9, which the port is of"),
        ({"network_id": "n2"}, "network red is no InfiniBand network"),
    ],
)
def test_what_neutron_says_of_a_port_is_judged_by_the_walk(
    change: dict[str, Any], says: str
) -> None:
    cloud, hosts = Neutron(), Hosts()
    cloud.rows["ports"][0] |= change
    cloud.rows["agents"][0]["configurations"]["adapters"][0]["kind"] = "mlx5"

    assert diagnose(gather(cloud, hosts.read, "vm1")).answer.startswith(f"port vm1: {says}")


def test_a_port_of_ethernet_troubles_no_host() -> None:
    cloud, hosts = Neutron(), Hosts()
    cloud.rows["ports"][0]["network_id"] = "n2"

    gather(cloud, hosts.read, "vm1")

    assert hosts.asked == []


@pytest.mark.parametrize("wanted", ["fa:16:3e:00:00:99", "0000:05:00.7"])
def test_a_host_that_cannot_be_asked_for_a_port_unknown_to_neutron_is_named(wanted: str) -> None:
    found = diagnose(gather(Neutron(), Hosts().read, wanted, "node009"))

    assert found.answer == f"port {wanted}: Neutron has no port {wanted!r}"
    assert found.exit_code == 3
    assert found.walked[-1][1].found == "no such port; VFs were not looked at: node009 is away"


def test_a_port_is_asked_for_on_its_host_by_its_vf() -> None:
    hosts = Hosts()

    gather(Neutron(), hosts.read, "vm1")

    assert hosts.asked[0] == ("node002", Question(MAC, pci=PCI))


def test_the_hosts_that_serve_dhcp_are_asked_at_once() -> None:
    cloud, hosts = Neutron(), Hosts()
    for host in ("net1", "net2"):
        served = {"device_owner": "network:dhcp"}
        cloud.rows["ports"].append(port(f"dhcp-{host}", "fa:16:3e:00:00:09", host, PCI) | served)
        dhcp_agent = {"binary": "neutron-dhcp-agent", "configurations": {}}
        cloud.rows["agents"].append(agent(host) | dhcp_agent)

    gather(cloud, hosts.read, "vm1")

    assert ["net1", "net2"] in hosts.batches

# SPDX-License-Identifier: Apache-2.0
"""The driver in real processes of Neutron, on MariaDB, and a real RabbitMQ with narrow accounts.

Hosts are what they send: our own clients, with the account that compute hosts have.
"""

from __future__ import annotations

import itertools
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest
from oslo_config import cfg

from broker_accounts import COMPUTE, FABRICD, SERVER, Accounts
from cluster.broker_cluster import broker_cluster
from ibstack.fabric.errors import IbstackError
from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack_lab.services import accounts as users
from ibstack_lab.topology import ETHERNET, PHYSICAL_NETWORK
from one_broker import Broker
from one_controller import THERE, Controller, running_controller
from tenant_ports import wait_for

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's, by way of oslo.service.
    from ibstack.neutron.client.heartbeat import Heartbeat
    from ibstack.neutron.client.rpc_client import PluginClient, open_transport
    from ibstack.neutron.protocol.conventions import AGENT_TOPIC, FABRIC_TOPIC
    from ibstack.neutron.protocol.instance import new_instance
    from ibstack.neutron.server.senders import MOST_REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack_lab.folder import LabFolder

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(400),  # The first test waits until all is up.
    pytest.mark.skipif(not THERE, reason="needs mariadb-server-core and rabbitmq-server"),
]

LIMIT_S: Final = 60.0
HERE, ELSEWHERE, HOSTILE, FLOODED, QUIET = "node003", "node004", "node002", "node005", "node006"
PCI: Final = "0000:05:00.1"
numbers = itertools.count(1)


class Site:
    """The controller, and what hosts tell it."""

    def __init__(self, controller: Controller, transport: Callable[[str], Any]) -> None:
        self.controller = controller
        self.transport = transport

    def agent(self, host: str) -> Agent:
        """Return an ibstack-agent that has just started: its heartbeat is heard."""
        found = Agent(self, host)
        found.beat()
        return found

    def api(self) -> Any:
        return self.controller.api(users.OPERATOR)

    def network(self, **more: Any) -> str:
        where = {
            "provider:network_type": "vlan",
            "provider:physical_network": PHYSICAL_NETWORK,
            "provider:segmentation_id": 100 + next(numbers),
        }
        made = self.api().create("networks", name="n", **where, **more)
        self.api().create("subnets", network_id=made["id"], ip_version=4, cidr="10.1.0.0/24")
        return str(made["id"])

    def port(self, network: str, host: str = "", **more: Any) -> str:
        """Make a guest's port, which is bound to *host* if that is given."""
        bound = {"binding:host_id": host, "binding:profile": {"pci_slot": PCI}} if host else {}
        made = self.controller.api(users.NOVA).create(
            "ports", network_id=network, **{"binding:vnic_type": "direct"}, **bound, **more
        )
        assert made["binding:vif_type"] == ("ib_hostdev" if host else "unbound")
        return str(made["id"])

    def status(self, port: str) -> str:
        return str(self.api().show("ports", port)["status"])

    def told_since(self, before: int, *words: str) -> list[str]:
        """Return the lines of neutron-rpc's log after its first *before* with all *words*."""
        lines = self.controller.log("neutron-rpc").splitlines()[before:]
        return [line for line in lines if all(word in line for word in words)]

    @property
    def logged(self) -> int:
        return len(self.controller.log("neutron-rpc").splitlines())


class Agent:
    """What an ibstack-agent sends, over the account of compute hosts."""

    def __init__(self, site: Site, host: str) -> None:
        self.host = host
        instance = new_instance()
        transport = site.transport(COMPUTE)
        self.client = PluginClient(transport, timeout_s=LIMIT_S, instance=instance)
        adapter = {
            "physical_network": PHYSICAL_NETWORK,
            "interface": "ib0",
            "kind": "mlx5",
            "port_guid": f"0x0002c90300000{int(host[-3:]):03x}",
            "vfs": "0000:05:00.1-0000:05:02.0",
            "entries": 60,
        }
        self.beat = Heartbeat(
            transport,
            agent_type=MELLANOX_AGENT,
            binary="ibstack-agent",
            host=host,
            topic=AGENT_TOPIC,
            configurations=lambda: {"adapters": [adapter]},
            interval_s=LIMIT_S,
            instance=instance,
        ).beat

    def report(self, **told: list[str]) -> frozenset[str]:
        """Report in its own name; return which ports Neutron does not have there."""
        return self.client.report_host(self.host, **told).unknown


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    known: list[Accounts] = []

    def configured(lab: LabFolder, text: str) -> str:
        broker = Broker(lab)
        nodes = (f"127.0.0.1:{broker.port}",)
        known.append(Accounts(broker, broker_cluster(lab.root, nodes=nodes)))
        known[0].make()
        lines = [
            f"transport_url = {known[0].url(SERVER)}" if line.startswith("transport_url") else line
            for line in text.splitlines()
        ]
        return (
            "\n".join(lines)
            .replace("service_plugins =", "service_plugins = qos", 1)
            .replace("extension_drivers =", "extension_drivers = qos", 1)
            # With it a network may have a limit: there are drivers that can enforce it.
            .replace("mechanism_drivers = infiniband", "mechanism_drivers = infiniband,openvswitch")
        )

    with ExitStack() as opened:
        controller = opened.enter_context(running_controller(configured))

        def transport(user: str) -> Any:
            cfg.CONF.reset()
            files = [str(known[0].config(user))]
            cfg.CONF([], project="neutron", default_config_files=files, default_config_dirs=[])
            found = open_transport(cfg.CONF)
            opened.callback(found.cleanup)
            return found

        yield Site(controller, transport)
    cfg.CONF.reset()


def test_only_the_host_of_a_binding_says_what_became_of_its_port(site: Site) -> None:
    here, hostile = site.agent(HERE), site.agent(HOSTILE)
    port = site.port(site.network(), HERE)
    before = site.logged

    assert hostile.report(ready=[port]) == {port}
    assert site.status(port) == "DOWN"
    assert hostile.report(failed=[port]) == {port}
    assert site.status(port) == "DOWN"
    assert here.report(ready=[port]) == frozenset()
    assert site.status(port) == "ACTIVE"
    assert hostile.report(gone=[port]) == hostile.report(failed=[port]) == {port}
    assert site.status(port) == "ACTIVE"

    named = f"host '{HOSTILE}' reports the state of 1 ports", f"{port} (of host '{HERE}')"
    assert len(site.told_since(before, *named)) == 3
    assert not site.told_since(before, "in the name of host")


def test_who_reports_in_another_hosts_name_is_told_of(site: Site) -> None:
    truth, forger = site.agent(ELSEWHERE), Agent(site, ELSEWHERE)
    port = site.port(site.network(), ELSEWHERE)
    truth.report(ready=[port])
    before = site.logged
    words = "WARNING", f"reports about ports in the name of host '{ELSEWHERE}'", "somebody else"
    assert not site.told_since(before, *words)

    forger.report(gone=[port])

    assert site.status(port) == "DOWN"
    assert len(site.told_since(before, *words)) == 1
    truth.report(ready=[port])
    assert site.status(port) == "ACTIVE"


def test_heartbeats_of_two_processes_in_one_name_are_told_of(site: Site) -> None:
    def fabricd(role: str) -> Heartbeat:
        return Heartbeat(
            site.transport(FABRICD),
            agent_type=PARTITION_AGENT,
            binary="ibstack-fabricd",
            host="head",
            topic=FABRIC_TOPIC,
            configurations=lambda: {"physical_networks": [ETHERNET], "role": role},
            interval_s=LIMIT_S,
        )

    words = "WARNING", f"heartbeat of '{PARTITION_AGENT}' in the name of host 'head'"
    truth, forger = fabricd("master"), fabricd("standby")
    truth.beat()
    before = site.logged
    truth.beat()  # A cast, which the forger's call comes after.
    forger.beat()  # It says that it has started: so may have a daemon.
    assert not site.told_since(before, *words)

    truth.beat()
    wait_for("it is told", lambda: bool(site.told_since(before, *words)), LIMIT_S)

    # What is deleted leaves nothing for the other tests.
    for agent in site.api().list("agents", host="head"):
        site.api().delete("agents", agent["id"])


def test_a_flood_of_reports_names_the_host(site: Site) -> None:
    agent = site.agent(FLOODED)
    before = site.logged

    for _ in range(MOST_REPORTS + 1):
        agent.report()

    words = "WARNING", f"more than {MOST_REPORTS} reports", f"host '{FLOODED}'"
    assert len(site.told_since(before, *words)) == 1


def test_a_refusal_is_a_line_of_the_log_and_no_traceback(site: Site) -> None:
    first, second = site.network(), site.network()
    site.port(first, mac_address="fa:16:3e:00:00:77")
    before = len(site.controller.log("neutron-api"))

    with pytest.raises(IbstackError, match="409"):
        site.port(second, mac_address="fa:16:3e:00:00:77")

    log = site.controller.log("neutron-api")[before:]
    assert "Traceback" not in log
    (line,) = (each for each in log.splitlines() if "Mechanism driver 'infiniband' failed" in each)
    assert " INFO " in line
    assert "in create_port_precommit: cannot give port" in line


def test_a_port_takes_the_policy_of_its_network(site: Site) -> None:
    """With Open vSwitch beside us, which lets a network have a limit."""
    api = site.api()

    def post(path: str, **body: Any) -> Any:
        (name,) = body
        return api._ask("POST", path, f"make a {name}", json=body)[name]

    policy = post("qos/policies", policy={"name": "slow"})["id"]
    rule = {"max_kbps": 1000, "max_burst_kbps": 100}
    post(f"qos/policies/{policy}/bandwidth_limit_rules", bandwidth_limit_rule=rule)
    network = site.network(qos_policy_id=policy)
    site.agent(QUIET)
    before = len(site.controller.log("neutron-api"))

    port = site.api().create("ports", network_id=network, **{"binding:vnic_type": "direct"})

    assert port["qos_network_policy_id"] == policy
    assert "Traceback" not in site.controller.log("neutron-api")[before:]
    bound = site.port(network, QUIET)
    assert site.status(bound) == "DOWN"

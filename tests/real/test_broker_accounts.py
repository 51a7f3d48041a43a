# SPDX-License-Identifier: Apache-2.0
"""What accounts that the cluster renders may do at a real RabbitMQ, and what they may not.

They are those of docs/how-to/install.md (tests/cluster/config/test_render_broker.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import warnings
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import amqp
import pytest
from oslo_config import cfg

from broker_accounts import COMPUTE, FABRICD, PASSWORDS, SERVER, Accounts
from cluster.broker_cluster import broker_cluster
from ibstack_lab.services.neutron_stand_in import StandInPort
from one_broker import ALL, THERE, running_broker

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's, by way of oslo.service.
    import oslo_messaging

    from ibstack.fabric.neutron_names import MELLANOX_AGENT
    from ibstack.neutron.client.heartbeat import Heartbeat
    from ibstack.neutron.client.rpc_client import (
        PluginClient,
        agent_hints,
        fabric_hints,
        open_transport,
    )
    from ibstack.neutron.protocol.conventions import AGENT_TOPIC, FABRIC_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not THERE, reason="needs rabbitmq-server: apt-get install rabbitmq-server"),
]

ROOT: Final = Path(__file__).parents[2]
LIMIT_S: Final = 30


@pytest.fixture(scope="module")
def accounts() -> Iterator[Accounts]:
    with running_broker() as broker:
        nodes = (f"127.0.0.1:{broker.port}",)
        accounts = Accounts(broker, broker_cluster(broker.lab.root, nodes=nodes))
        accounts.make()
        yield accounts


@pytest.fixture(scope="module")
def neutron(accounts: Accounts) -> Iterator[Callable[..., Any]]:
    """A stand-in of Neutron, which has the queues; call it with a verb and its arguments.

    It has neutron-server's account.
    """
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/rpc_stand_in.py"), accounts.url(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, by = process.stdin, process.stdout
    assert by.readline().strip() == "ready"

    def ask(*words: object) -> Any:
        to.write(json.dumps(words) + "\n")
        to.flush()
        return json.loads(by.readline())

    yield ask
    process.kill()
    process.communicate()


@pytest.fixture
def transport(accounts: Accounts) -> Iterator[Callable[[str], Any]]:
    """Return what opens a transport as the daemon does that reads the account's file."""
    with ExitStack() as opened:

        def of(user: str) -> Any:
            files = [] if user == ALL else [str(accounts.config(user))]
            cfg.CONF([], project="neutron", default_config_files=files, default_config_dirs=[])
            found = open_transport(cfg.CONF, accounts.broker.url(ALL) if user == ALL else None)
            opened.callback(found.cleanup)
            return found

        yield of
    cfg.CONF.reset()


def test_an_agent_works_with_the_account_of_compute_hosts(
    transport: Callable[[str], Any], neutron: Callable[..., Any]
) -> None:
    mine, hinted, stopped = transport(COMPUTE), threading.Event(), threading.Event()
    hints = agent_hints(mine, "node", hinted.set)
    hints.start()
    assert hints.wait_until_listening(LIMIT_S)
    port = StandInPort("p1", "fa:16:3e:00:00:01", "0x8001", "ib", "node", "0000:05:00.1")
    neutron("create", asdict(port))

    assert hinted.wait(LIMIT_S)
    client = PluginClient(mine, timeout_s=LIMIT_S)
    told = client.host_ports("node").ports
    assert told is not None
    assert [one.port_id for one in told] == ["p1"]
    assert client.report_host("node", ready=["p1"]).unknown == frozenset()
    heartbeat = Heartbeat(
        mine,
        agent_type=MELLANOX_AGENT,
        binary="ibstack-agent",
        host="node",
        topic=AGENT_TOPIC,
        configurations=lambda: {},
        interval_s=1,
        on_return=stopped.set,
    )
    beating = threading.Thread(target=heartbeat.run)
    beating.start()
    limit = threading.Event()
    for _ in range(LIMIT_S * 10):
        if neutron("states") or limit.wait(0.1):
            break
    heartbeat.stop()
    beating.join(LIMIT_S)
    hints.stop()
    assert [state["host"] for state in neutron("states")][:1] == ["node"]


def test_fabricd_works_with_its_account(
    transport: Callable[[str], Any], neutron: Callable[..., Any]
) -> None:
    mine, hinted = transport(FABRICD), threading.Event()
    hints = fabric_hints(mine, "sm1", ["ib"], hinted.set)
    hints.start()
    assert hints.wait_until_listening(LIMIT_S)
    target = oslo_messaging.Target(topic=FABRIC_TOPIC, version="1.0", fanout=True)
    driver = oslo_messaging.get_rpc_client(transport(ALL), target)
    driver.cast({}, "fabric_hint", physical_network="ib")

    assert hinted.wait(LIMIT_S)
    assert PluginClient(mine, timeout_s=LIMIT_S).host_ports("nobody").ports == ()
    hints.stop()


def test_the_commands_may_be_given_again_and_change_a_password(accounts: Accounts) -> None:
    secret = accounts.folder / "agentpasswordfile"
    secret.write_text("another\n")
    accounts.make()
    with ExitStack() as opened, pytest.raises(amqp.AccessRefused):
        accounts.channel(opened, COMPUTE)

    secret.write_text(PASSWORDS[COMPUTE])
    accounts.make()
    with ExitStack() as opened:
        assert accounts.channel(opened, COMPUTE).is_open


def own_queue(channel: Any, prefix: str) -> str:
    name = f"{prefix}.of-a-test"
    channel.queue_declare(name, auto_delete=True)
    return name


def bind(key: str, exchange: str = "neutron") -> Callable[[Any], None]:
    def act(channel: Any) -> None:
        channel.queue_bind(own_queue(channel, AGENT_TOPIC), exchange, key)

    return act


def bind_an_exchange(channel: Any) -> None:
    channel.exchange_declare("reply_of-a-test", "direct", auto_delete=True)
    channel.exchange_bind("reply_of-a-test", "neutron", "ibstack-plugin")


def publish(key: str) -> Callable[[Any], None]:
    return lambda channel: channel.basic_publish_confirm(amqp.Message("x"), "neutron", key)


ACTS: Final[dict[str, Callable[[Any], object]]] = {
    "read the questions to Neutron": lambda c: c.basic_consume("ibstack-plugin"),
    "take one of them": lambda c: c.basic_get("ibstack-plugin"),
    "take a report": lambda c: c.basic_get("q-reports-plugin"),
    "lose them": lambda c: c.queue_purge("ibstack-plugin"),
    "have copies of the questions": bind("ibstack-plugin"),
    "have copies of everything": bind("#"),
    "have copies by an exchange": bind_an_exchange,
    "have fabricd's hints": bind("ibstack-fabric"),
    "have fabricd's fanout": bind("", "ibstack-fabric_fanout"),
    "make fabricd's queue": lambda c: c.queue_declare("ibstack-fabric.another-host"),
    "wake fabricd": publish("ibstack-fabric"),
    "answer on another topic of Neutron's": publish("q-plugin"),
}


@pytest.mark.parametrize("what", ACTS)
def test_a_compute_hosts_account_cannot(
    accounts: Accounts,
    neutron: Callable[..., Any],
    transport: Callable[[str], Any],
    what: str,
) -> None:
    hints = fabric_hints(transport(FABRICD), "sm1-of-a-site", ["ib"], lambda: None)
    hints.start()
    assert hints.wait_until_listening(LIMIT_S)
    with ExitStack() as opened:
        with pytest.raises(amqp.AccessRefused):
            ACTS[what](accounts.channel(opened, COMPUTE))
        # What an account may do that has all permissions: it is the permission that is missing.
        ACTS[what](accounts.channel(opened, ALL))
    hints.stop()

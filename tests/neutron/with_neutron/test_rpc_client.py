# SPDX-License-Identifier: Apache-2.0
"""The daemons' client against real servers over oslo.messaging's in-process transport.

One server reads the context as Neutron does, so that what the client sends makes an administrator.
"""

from __future__ import annotations

import json
import threading
import warnings
from typing import TYPE_CHECKING, Any

import oslo_messaging
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from ibstack.fabric.errors import TryLater
from ibstack.fabric.neutron_names import MELLANOX_AGENT
from ibstack.neutron.client.heartbeat import Heartbeat, fit
from ibstack.neutron.client.rpc_client import (
    PluginClient,
    agent_hints,
    fabric_hints,
    open_transport,
)
from ibstack.neutron.protocol import conventions
from ibstack.neutron.protocol.instance import digest_of
from ibstack.neutron.protocol.replies import HostReport
from ibstack.neutron.protocol.signature import Signer
from ibstack.subnet_manager.fabricd.neutron_cloud import NeutronCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neutron_lib import rpc as neutron_rpc
    from oslo_utils import timeutils

LIMIT_S = 20


class FakeNeutron:
    """Answers as the endpoint of the driver and Neutron's own for reports would."""

    target = oslo_messaging.Target(version="1.4")

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.contexts: list[Any] = []
        self.answers: dict[str, Any] = {}
        self.reported = threading.Semaphore(0)

    def _answer(self, method: str, context: Any, arguments: dict[str, Any]) -> Any:
        self.asked.append((method, arguments))
        self.contexts.append(context)
        answer = self.answers.get(method)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(**arguments)
        return answer

    def host_ports(self, context: Any, **arguments: Any) -> Any:
        return self._answer("host_ports", context, arguments)

    def report_host(self, context: Any, **arguments: Any) -> Any:
        return self._answer("report_host", context, arguments)

    def fabric_members(self, context: Any, **arguments: Any) -> Any:
        return self._answer("fabric_members", context, arguments)

    def report_fabric(self, context: Any, **arguments: Any) -> Any:
        return self._answer("report_fabric", context, arguments)

    def report_state(self, context: Any, **arguments: Any) -> Any:
        self.reported.release()
        return self._answer("report_state", context, arguments)


@pytest.fixture
def transport() -> Iterator[Any]:
    # The global configuration: oslo.messaging 18.3 reads options that it registers only there,
    # and the server side of Neutron reads its policies through it.
    cfg.CONF([], project="neutron", default_config_files=[], default_config_dirs=[])
    opened = open_transport(cfg.CONF, url="fake:")
    yield opened
    opened.cleanup()
    cfg.CONF.reset()


@pytest.fixture
def serve(transport: Any) -> Iterator[Callable[..., FakeNeutron]]:
    servers = []

    def start(topic: str = conventions.PLUGIN_TOPIC) -> FakeNeutron:
        neutron = FakeNeutron()
        target = oslo_messaging.Target(topic=topic, server="controller")
        server = oslo_messaging.get_rpc_server(
            transport, target, [neutron], serializer=neutron_rpc.RequestContextSerializer()
        )
        server.start()
        servers.append(server)
        return neutron

    yield start
    for server in servers:
        server.stop()
        server.wait()


def test_it_asks_for_a_hosts_ports_as_an_administrator(transport: Any, serve: Any) -> None:
    neutron = serve()
    neutron.answers["host_ports"] = {"etag": "e2", "ports": []}

    found = PluginClient(transport, timeout_s=LIMIT_S).host_ports("node002", "e1")

    assert (found.etag, found.ports) == ("e2", ())
    assert neutron.asked == [("host_ports", {"host": "node002", "etag": "e1"})]
    assert neutron.contexts[0].is_admin is True


def test_reports_carry_sorted_ids_and_return_the_unknown_ones(transport: Any, serve: Any) -> None:
    neutron = serve()
    neutron.answers["report_host"] = {"unknown": ["b"], "down": {"a": ["DHCP"]}}
    neutron.answers["report_fabric"] = {"unknown": ["b"]}
    plugin = PluginClient(transport, timeout_s=LIMIT_S)

    answer = HostReport(frozenset({"b"}), {"a": ("DHCP",)})
    assert plugin.report_host("node002", ready={"b", "a"}) == answer
    assert plugin.report_fabric("ib", "e", {"b", "a"}) == {"b"}

    assert neutron.asked == [
        ("report_host", {"host": "node002", "ready": ["a", "b"], "gone": []}),
        ("report_fabric", {"physical_network": "ib", "etag": "e", "in_force": ["a", "b"]}),
    ]


def test_with_a_key_an_unsigned_answer_changes_nothing(transport: Any, serve: Any) -> None:
    neutron, signer = serve(), Signer(b"k" * 32)
    answer: dict[str, Any] = {"etag": "e", "members": [], "held": []}
    seen: list[dict[str, Any]] = []

    def sign(key: Signer, **changed: Any) -> Callable[..., Any]:
        def answered(nonce: str, physical_network: str, etag: str | None) -> Any:
            signature = key.sign("fabric_members", nonce, physical_network, etag, answer)
            seen.append({**answer, "signature": signature})
            return {**seen[-1], **changed}

        return answered

    plugin = PluginClient(transport, timeout_s=LIMIT_S, signer=signer)
    cloud = NeutronCloud(plugin, "ib", 600)
    neutron.answers["fabric_members"] = sign(signer)
    believed = cloud.desired()
    assert believed is not None
    assert believed.etag == "e"

    of_another_port = [{"port_id": "p"}]
    for lie in (
        lambda **asked: answer,
        lambda **asked: seen[0],  # A true answer, to another question.
        lambda **asked: None,
        sign(Signer(b"x" * 32)),
        sign(signer, members=of_another_port),
        sign(signer, signature=None),
    ):
        neutron.answers["fabric_members"] = lie
        cloud.hint()
        desired = cloud.desired()
        assert desired is not None
        assert desired.members == believed.members
        assert "is not believed" in str(desired.trouble)

    neutron.answers["fabric_members"] = sign(signer)
    desired = cloud.desired()
    assert desired is not None
    assert desired.trouble is None


def test_with_a_key_what_is_in_force_is_signed(transport: Any, serve: Any) -> None:
    neutron, signer = serve(), Signer(b"k" * 32)

    def heard(signature: str, **_told: Any) -> dict[str, Any]:
        answer = {"unknown": ["b"]}
        return {**answer, "signature": signer.sign("reported", signature, answer)}

    neutron.answers["report_fabric"] = heard
    client = PluginClient(transport, timeout_s=LIMIT_S, signer=signer)
    assert client.report_fabric("ib", "e", {"b", "a"}) == {"b"}

    ((_, told),) = neutron.asked
    signature = told.pop("signature")
    assert signer.is_of(signature, "report_fabric", "ib", "e", ["a", "b"], told["at"])


@pytest.mark.parametrize(
    ("more", "why"), [({}, "has no signature"), ({"signature": "0" * 64}, "with another key")]
)
def test_with_a_key_nobody_else_can_say_that_neutron_was_told(
    transport: Any, serve: Any, more: dict[str, str], why: str
) -> None:
    serve().answers["report_fabric"] = {"unknown": [], **more}
    client = PluginClient(transport, timeout_s=LIMIT_S, signer=Signer(b"k" * 32))

    with pytest.raises(TryLater, match=f"cannot tell Neutron what is in force .*{why}"):
        client.report_fabric("ib", "e", {"a"})


def test_no_answer_is_try_later(transport: Any) -> None:
    plugin = PluginClient(transport, timeout_s=0.2)

    with pytest.raises(TryLater, match="cannot ask Neutron for the members of physical network ib"):
        plugin.fabric_members("ib")


def test_a_failure_of_neutron_is_try_later_and_names_it(transport: Any, serve: Any) -> None:
    neutron = serve()
    # As it arrives from a broker; the in-process transport passes on any exception as it is.
    neutron.answers["host_ports"] = oslo_messaging.RemoteError(
        "ConnectionError", "the database is away\nand more"
    )

    with pytest.raises(
        TryLater, match="Neutron failed: ConnectionError: the database is away; its log says more"
    ):
        PluginClient(transport, timeout_s=LIMIT_S).host_ports("node002")


@pytest.mark.parametrize("raised", [AttributeError, KeyError, TypeError, ValueError])
def test_an_answer_that_is_no_message_is_try_later(
    transport: Any, serve: Any, raised: type[Exception]
) -> None:
    neutron = serve()
    neutron.answers["fabric_members"] = raised("what oslo.messaging makes of it")

    with pytest.raises(TryLater, match=rf"cannot be read: {raised.__name__}: .*what oslo.messag"):
        PluginClient(transport, timeout_s=LIMIT_S).fabric_members("ib")


def test_hints_reach_the_host_that_they_name_and_no_other(transport: Any) -> None:
    woken = {"node002": threading.Event(), "node003": threading.Event()}
    listeners = [agent_hints(transport, host, event.set) for host, event in woken.items()]
    for listener in listeners:
        listener.start()
        assert listener.wait_until_listening(LIMIT_S)

    target = oslo_messaging.Target(topic=conventions.AGENT_TOPIC, server="node002", version="1.0")
    oslo_messaging.get_rpc_client(transport, target).cast({}, "port_hint", port_id="p", later=1)

    assert woken["node002"].wait(LIMIT_S)
    assert not woken["node003"].is_set()
    for listener in listeners:
        listener.stop()


def test_hints_about_another_fabric_wake_nobody(transport: Any) -> None:
    woken = threading.Event()
    listener = fabric_hints(transport, "head", ["ib"], woken.set)
    listener.start()
    assert listener.wait_until_listening(LIMIT_S)
    target = oslo_messaging.Target(topic=conventions.FABRIC_TOPIC, fanout=True, version="1.0")
    caster = oslo_messaging.get_rpc_client(transport, target)

    caster.cast({}, "fabric_hint", physical_network="other")
    assert not woken.wait(0.3)
    caster.cast({}, "fabric_hint", physical_network="ib")

    assert woken.wait(LIMIT_S)
    listener.stop()


def heartbeat(transport: Any, **options: Any) -> Heartbeat:
    return Heartbeat(
        transport,
        agent_type=MELLANOX_AGENT,
        binary="ibstack-agent",
        host="node002",
        topic=conventions.AGENT_TOPIC,
        configurations=lambda: {"adapters": []},
        **{"interval_s": LIMIT_S, **options},
    )


def test_the_first_report_says_so_and_is_one_that_neutron_reads(transport: Any, serve: Any) -> None:
    neutron = serve("q-reports-plugin")
    beats = heartbeat(transport, instance="5" * 32)
    assert not beats.heard.is_set()
    beats.beat()
    assert beats.heard.is_set()
    beats.beat()
    assert neutron.reported.acquire(timeout=LIMIT_S)
    assert neutron.reported.acquire(timeout=LIMIT_S)

    first, second = (arguments for _, arguments in neutron.asked)
    state = first["agent_state"]["agent_state"]
    assert {**state, "uuid": ""} == {
        "agent_type": "Mellanox plugin agent",
        "binary": "ibstack-agent",
        "host": "node002",
        "topic": "ibstack-agent",
        "configurations": {"adapters": [], "instance": digest_of("5" * 32)},
        "uuid": "",
        "start_flag": True,
    }
    assert "start_flag" not in second["agent_state"]["agent_state"]
    sent = timeutils.parse_strtime(first["time"])
    assert abs((timeutils.utcnow() - sent).total_seconds()) < LIMIT_S


def test_it_goes_on_reporting_until_it_is_stopped_and_says_that_neutron_is_back(
    transport: Any, serve: Any
) -> None:
    back = threading.Event()
    beats = heartbeat(transport, interval_s=0.3, on_return=back.set)
    thread = threading.Thread(target=beats.run)
    thread.start()
    with pytest.raises(TryLater):
        heartbeat(transport, interval_s=0.3).beat()

    neutron = serve("q-reports-plugin")

    assert back.wait(LIMIT_S)
    assert neutron.reported.acquire(timeout=LIMIT_S)
    beats.nudge()
    beats.stop()
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_problems_are_cut_to_what_neutron_keeps_and_nothing_else_is() -> None:
    adapters = [{"physical_network": "ib", "vfs": "x" * 500}]

    small = fit({"adapters": adapters, "problems": ["one"]})
    large = fit({"adapters": adapters, "problems": ["y" * 300] * 40})

    assert small == {"adapters": adapters, "problems": ["one"]}
    assert large["adapters"] == adapters
    assert large["problems"][-1] == "and more: see the daemon's log"
    assert 5 < len(large["problems"]) < 14


@given(st.lists(st.text(max_size=300), max_size=60), st.integers(0, 4000))
def test_as_many_problems_stay_as_there_is_room_for(problems: list[str], others: int) -> None:
    whole = {"problems": problems, "adapters": "x" * others}

    kept = fit(whole)["problems"]

    if kept != problems:
        assert kept[:-1] == problems[: len(kept[:-1])]
        one_more = [*problems[: max(len(kept), 1)], "and more: see the daemon's log"]
        assert len(json.dumps({**whole, "problems": one_more})) > 4095


def test_the_guids_that_vfs_may_not_have_are_cut_last() -> None:
    guids = [f"0x{n:016x}" for n in range(400)]
    left = ["ibhostnet 0000:05:00.1 fa:16:3e:00:00:01"]

    small = fit({"problems": [], "reserved_guids": guids[:100], "left": left})
    large = fit({"problems": ["y" * 300], "reserved_guids": guids, "left": left})

    assert small == {"problems": [], "reserved_guids": guids[:100], "left": left}
    assert (large["problems"], large["left"]) == ([], [])
    assert large["reserved_guids"] == guids[: len(large["reserved_guids"])]
    assert 150 < len(large["reserved_guids"]) < 250


def test_then_vfs_without_a_port_are_cut_too() -> None:
    left = [f"ibhostnet 0000:05:{n:02x}.1 fa:16:3e:00:00:{n:02x}" for n in range(200)]

    large = fit({"adapters": [], "problems": ["y" * 300] * 40, "left": left})

    assert large["problems"] == []
    assert large["left"] == left[: len(large["left"])]
    assert 50 < len(large["left"]) < 100

# SPDX-License-Identifier: Apache-2.0
"""Whom a change concerns, and hints on their way through the broker."""

import logging
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import oslo_messaging
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from ibstack.neutron.client.rpc_client import agent_hints, fabric_hints
from ibstack.neutron.server.log_once import LogOnce

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neutron.conf import common as neutron_options
    from neutron_lib import rpc

    from ibstack.neutron.server.hints import BrokerHints, PortSnapshot, Recipients, recipients
    from ibstack.neutron.server.mechanism_driver import InfinibandMechanismDriver

LIMIT_S = 20
BOUND = PortSnapshot("node002", "ib_hostdev", "0000:05:00.1", "fa:16:3e:00:00:01", True)
UNBOUND = replace(BOUND, host="", vif_type="unbound", pci_slot=None)

standings = st.none() | st.builds(
    PortSnapshot,
    host=st.sampled_from(["", "node002", "node003"]),
    vif_type=st.sampled_from(["unbound", "ib_hostdev", "hw_veb", "other"]),
    pci_slot=st.sampled_from([None, "0000:05:00.1"]),
    mac=st.sampled_from(["fa:16:3e:00:00:01", "fa:16:3e:00:00:02"]),
    admin_state_up=st.booleans(),
    device_owner=st.sampled_from(["compute:nova", "network:dhcp"]),
)


@pytest.mark.parametrize(
    ("before", "after", "hosts"),
    [
        (None, BOUND, ("node002",)),
        (UNBOUND, BOUND, ("node002",)),
        (BOUND, UNBOUND, ("node002",)),
        (BOUND, None, ("node002",)),
        (BOUND, replace(BOUND, host="node003"), ("node002", "node003")),
        (BOUND, replace(BOUND, pci_slot="0000:05:00.2"), ("node002",)),
        (BOUND, replace(BOUND, admin_state_up=False), ("node002",)),
        (BOUND, replace(BOUND, vif_type="hw_veb", host="gateway"), ("node002",)),
    ],
)
def test_a_change_concerns_the_hosts_and_the_fabric(
    before: PortSnapshot | None, after: PortSnapshot | None, hosts: tuple[str, ...]
) -> None:
    assert recipients(before, after) == Recipients(hosts, fabric=True)


def test_what_is_not_ours_concerns_nobody() -> None:
    assert recipients(None, UNBOUND) == Recipients()
    assert recipients(UNBOUND, replace(UNBOUND, host="node002", vif_type="hw_veb")) == Recipients()


def test_a_dhcp_port_concerns_the_fabric_and_not_the_agent_of_its_host() -> None:
    dhcp = replace(BOUND, vif_type="other", device_owner="network:dhcp")

    for before, after in [(None, dhcp), (dhcp, None), (dhcp, replace(dhcp, admin_state_up=False))]:
        assert recipients(before, after) == Recipients(fabric=True)
    assert recipients(None, replace(dhcp, device_owner="compute:nova")) == Recipients()


@given(standings, standings)
def test_both_directions_concern_the_same_and_no_change_nobody(
    before: PortSnapshot | None, after: PortSnapshot | None
) -> None:
    assert recipients(before, after) == recipients(after, before)
    assert recipients(before, before) == Recipients()
    assert recipients(before, before, lost_active=True).fabric is False


@pytest.fixture
def broker() -> Iterator[Any]:
    neutron_options.register_core_common_config_opts()
    cfg.CONF([], project="neutron", default_config_files=[], default_config_dirs=[])
    oslo_messaging.set_transport_defaults(control_exchange="neutron")
    oslo_messaging.get_rpc_transport(cfg.CONF, url="fake:")  # registers transport_url
    cfg.CONF.set_override("transport_url", "fake:")
    rpc.init(cfg.CONF)
    yield rpc.TRANSPORT
    rpc.cleanup()
    cfg.CONF.clear_override("transport_url")
    cfg.CONF.reset()


def test_a_hint_of_the_driver_wakes_the_agent_and_the_fabricd(broker: Any) -> None:
    agent, fabricd = threading.Event(), threading.Event()
    listeners = [
        agent_hints(broker, "node002", agent.set),
        fabric_hints(broker, "head", ["ib"], fabricd.set),
    ]
    for listener in listeners:
        listener.start()
        assert listener.wait_until_listening(LIMIT_S)

    BrokerHints().port_hint("node002", "port-one")
    BrokerHints().fabric_hint("ib")

    assert agent.wait(LIMIT_S)
    assert fabricd.wait(LIMIT_S)
    for listener in listeners:
        listener.stop()


def test_a_hint_that_cannot_be_sent_is_logged_and_that_is_all(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broker._driver.send = _broken

    with caplog.at_level(logging.WARNING):
        BrokerHints().port_hint("node002", "port-one")

    assert "cannot send port_hint to node002: gone; its next periodic pull" in caplog.text


def _broken(*_arguments: Any, **_options: Any) -> None:
    raise oslo_messaging.MessagingException("gone")


def test_the_driver_returns_the_servers_that_it_starts(broker: Any) -> None:
    servers = InfinibandMechanismDriver().start_rpc_listeners()

    assert len(servers) == 1
    for server in servers:
        server.stop()
        server.wait()


def test_a_thing_is_said_once_and_memory_is_bounded() -> None:
    said = LogOnce(remembered=3)

    assert said.first_time("port-one", "why")
    assert not said.first_time("port-one", "why")
    assert said.first_time("port-one", "another reason")
    assert said.first_time("port-two", "why")
    assert said.first_time("port-three", "why")
    assert said.first_time("port-one", "why"), "forgotten: the oldest goes"

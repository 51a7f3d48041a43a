# SPDX-License-Identifier: Apache-2.0
"""A process that serves the stand-in of Neutron over a real message broker.

Its argument is the transport URL.  Each line of its input is a request as JSON, `{"verb": …}`, and
each gets a line of answer: what the API's users do, and what the agents have reported.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import oslo_messaging
from oslo_config import cfg

from ibstack.neutron.client.rpc_client import open_transport
from ibstack.neutron.protocol.conventions import AGENT_TOPIC, PLUGIN_TOPIC
from ibstack_lab.services.neutron_stand_in import NeutronStandIn, StandInPort

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

Json = dict[str, Any]


class Plugin:
    """What agents call."""

    target = oslo_messaging.Target(version="1.0")

    def __init__(
        self, neutron: NeutronStandIn, became_active: dict[str, float], states: list[Json]
    ) -> None:
        self._neutron = neutron
        self._became_active = became_active
        self._states = states
        self.reports: list[tuple[object, int]] = []
        """The instance of each report, and how many heartbeats were there before it."""

    def host_ports(self, context: object, host: str, etag: str | None = None) -> Json:
        return self._neutron.host_ports_on_the_wire(host, etag)

    def report_host(
        self,
        context: object,
        host: str,
        ready: list[str],
        gone: list[str],
        failed: Collection[str] = (),
        instance: object = None,
    ) -> Json:
        self.reports.append((instance, len(self._states)))
        answer = self._neutron.report_host_on_the_wire(host, ready, gone, failed)
        self._became_active.update((port_id, time.monotonic()) for port_id in ready)
        return answer


class Reports:
    """Where heartbeats go."""

    target = oslo_messaging.Target(version="1.4")

    def __init__(self) -> None:
        self.states: list[Json] = []

    def report_state(self, context: object, agent_state: Json, time: str) -> None:
        self.states.append(agent_state["agent_state"])


def main() -> None:
    conf = cfg.CONF  # oslo.messaging registers some options with this one alone.
    conf([])
    transport = open_transport(conf, sys.argv[1])
    client = oslo_messaging.get_rpc_client(
        transport, oslo_messaging.Target(topic=AGENT_TOPIC, version="1.0")
    )

    def hint(host: str) -> None:
        if host:
            client.prepare(server=host).cast({}, "port_hint", port_id="any")

    neutron, reports = NeutronStandIn(hint), Reports()
    became_active: dict[str, float] = {}
    plugin = Plugin(neutron, became_active, reports.states)
    servers = [
        oslo_messaging.get_rpc_server(
            transport, oslo_messaging.Target(topic=topic, server="stand-in"), [endpoint]
        )
        for topic, endpoint in (
            (PLUGIN_TOPIC, plugin),
            ("q-reports-plugin", reports),
        )
    ]
    for server in servers:
        server.start()
    does: dict[str, Callable[..., object]] = {
        "create": lambda port: neutron.create(StandInPort(**port)),
        "delete": lambda port_id: neutron.delete(port_id),
        "status": lambda port_id: neutron.status(port_id),
        "became active": lambda port_id: became_active.get(port_id),
        "states": lambda: reports.states,
        "reports": lambda: plugin.reports,
    }
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        print(json.dumps(does[verb](*arguments)), flush=True)


if __name__ == "__main__":
    main()

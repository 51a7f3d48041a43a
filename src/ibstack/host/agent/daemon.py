# SPDX-License-Identifier: Apache-2.0
"""ibstack-agent: Neutron's agent on a host with InfiniBand adapters.  No privileges.

Threads: the loop (the main one), a few that report, the heartbeat, one that sits in eswitchd's
`watch`, one that reads signals, those that answer Prometheus, and oslo.messaging's own, which bring
hints.  Only the loop decides and acts; the others tell what it found, or say "look again".
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

from oslo_config import cfg

import ibstack.neutron.client.native_threads  # noqa: F401  Before what imports oslo.messaging.
from ibstack.fabric.errors import IbstackError
from ibstack.fabric.neutron_names import AGENT_BINARY, MELLANOX_AGENT
from ibstack.host.agent import options
from ibstack.host.agent.eswitch_watcher import EswitchWatcher
from ibstack.host.agent.host_reconciler import HostReconciler
from ibstack.host.agent.metrics import AgentMetrics
from ibstack.host.agent.reporter import THREADS, Reporter
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.neutron.client.daemon_options import begin_logging, read_command_line
from ibstack.neutron.client.heartbeat import Heartbeat
from ibstack.neutron.client.rpc_client import (
    HintListener,
    PluginClient,
    Transport,
    agent_hints,
    open_transport,
)
from ibstack.neutron.protocol.conventions import AGENT_TOPIC
from ibstack.neutron.protocol.instance import new_instance
from ibstack.runtime import systemd
from ibstack.runtime.daemon import catch_signals, doubling, start_thread
from ibstack.runtime.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.runtime.loop import Outcome
    from ibstack.runtime.metrics import Endpoint

LOG = logging.getLogger(__name__)

_VERSION: Final = metadata.version("ibstack")
_JITTER: Final = 0.2
_SETTLE_S: Final = 1.0
_BACKOFF: Final = doubling(0.5, 10.0)
# A call to Neutron may take much longer; nothing is lost by leaving it.
_STOP_S: Final = 1.5
# Prometheus itself gives up after 10 s.
_SCRAPE_S: Final = 5.0
# Reports about ports wait so long for the first heartbeat to be answered.
_HEARD_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Agent:
    """What wire() has put together."""

    loop: Loop
    heartbeat: Heartbeat
    hints: HintListener
    watcher: EswitchWatcher
    reporter: Reporter
    look_again: Callable[[], None]
    """Have the loop ask Neutron now."""
    seen: threading.Event
    """Set once the host's adapters are known."""
    metrics: AgentMetrics
    endpoint: Endpoint

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP looks again."""
        finished = threading.Event()
        signals = catch_signals()
        self.endpoint.serve(self.metrics.registry)
        start_thread("signals", lambda: self._obey(signals, finished))
        start_thread("heartbeat", self._beat)
        start_thread("watch", self.watcher.run)
        for number in range(THREADS):
            start_thread(f"report {number}", self._tell)
        self.hints.start()
        start_thread("listening", self._catch_up)
        systemd.notify("READY=1")
        LOG.info("ibstack-agent %s is running", _VERSION)
        try:
            self.loop.run()
            self.hints.stop()
        finally:
            finished.set()
        LOG.info("ibstack-agent has stopped")

    def _obey(self, signals: int, finished: threading.Event) -> None:
        while os.read(signals, 1)[0] == signal.SIGHUP:
            self.look_again()
        systemd.notify("STOPPING=1")
        self.watcher.stop()
        self.reporter.stop()
        self.heartbeat.stop()
        self.seen.set()
        self.loop.stop()
        if not finished.wait(_STOP_S):
            LOG.info("ibstack-agent stops without waiting for an answer of Neutron")
            os._exit(0)

    def _beat(self) -> None:
        # Neutron binds ports and fills partitions by the adapters in the heartbeat, so an agent
        # that has not seen them yet must not say that there are none.
        self.seen.wait()
        self.heartbeat.run()

    def _tell(self) -> None:
        # Neutron takes who reports before his heartbeat for another than the host's agent.
        self.seen.wait()
        self.heartbeat.heard.wait(_HEARD_WITHIN_S)
        self.reporter.run()

    def _catch_up(self) -> None:
        """Look once more when hints are heard: those sent before that are lost."""
        self.hints.wait_until_listening(threading.TIMEOUT_MAX)
        self.look_again()


def wire(conf: cfg.ConfigOpts) -> Agent:
    """Put an agent together from what is set in *conf*."""
    settings = options.read_settings(conf)
    transport = open_transport(conf)
    eswitch = EswitchClient(settings.eswitch_socket)
    seen = threading.Event()

    def tell() -> None:
        seen.set()
        heartbeat.nudge()

    instance = new_instance()
    neutron = PluginClient(transport, timeout_s=settings.rpc_timeout_s, instance=instance)
    reporter = Reporter(settings.host, neutron, resync_s=settings.resync_interval_s)
    reconciler = HostReconciler(settings.host, eswitch, neutron, reporter, on_observed=tell)
    quick = EswitchClient(settings.eswitch_socket, answer_timeout_s=_SCRAPE_S)
    metrics = AgentMetrics(_VERSION, settings.host, quick)
    loop = Loop(
        reconciler,
        interval=lambda: _jittered(settings.resync_interval_s),
        settle=_SETTLE_S,
        backoff=_BACKOFF,
        report=lambda outcome: _report(outcome, metrics),
    )

    def look_again() -> None:
        reconciler.expect_news()
        loop.nudge()

    reporter.look_again = look_again
    heartbeat = _heartbeat(settings, transport, reconciler, look_again, instance)
    return Agent(
        loop=loop,
        heartbeat=heartbeat,
        hints=agent_hints(transport, settings.host, look_again),
        watcher=EswitchWatcher(eswitch, loop.nudge),
        reporter=reporter,
        look_again=look_again,
        seen=seen,
        metrics=metrics,
        endpoint=settings.metrics,
    )


def _heartbeat(
    settings: options.Settings,
    transport: Transport,
    reconciler: HostReconciler,
    look_again: Callable[[], None],
    instance: str,
) -> Heartbeat:
    return Heartbeat(
        transport,
        agent_type=MELLANOX_AGENT,
        binary=AGENT_BINARY,
        host=settings.host,
        topic=AGENT_TOPIC,
        configurations=reconciler.configurations,
        interval_s=settings.report_interval_s,
        instance=instance,
        on_return=look_again,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run ibstack-agent; return its exit status."""
    try:
        conf = read_command_line(AGENT_BINARY, options.register, argv)
        begin_logging(conf, AGENT_BINARY)
        agent = wire(conf)
    except (IbstackError, cfg.Error) as error:
        print(f"{AGENT_BINARY}: cannot start: {error}", file=sys.stderr)
        return 2
    agent.run()
    return 0


def _jittered(interval_s: float) -> float:
    # Not for secrets: it keeps a thousand agents from asking at the same moment.
    return interval_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311


def _report(outcome: Outcome, metrics: AgentMetrics) -> None:
    metrics.count(outcome)
    state = "; ".join(str(failure) for failure in outcome.failures) or outcome.waiting_for
    systemd.notify(f"WATCHDOG=1\nSTATUS={state or 'this host is as Neutron wants it'}")

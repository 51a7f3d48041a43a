# SPDX-License-Identifier: Apache-2.0
"""ibstack-fabricd: the agent beside a subnet manager.

Threads: the loop, the heartbeat, oslo.messaging's own, which bring hints, and those that answer
Prometheus; the main one waits for signals.  All but the loop only say "look again", or tell.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from oslo_config import cfg

import ibstack.neutron.client.native_threads  # noqa: F401  Before what imports oslo.messaging.
from ibstack.fabric.errors import IbstackError
from ibstack.fabric.neutron_names import FABRICD_BINARY, PARTITION_AGENT
from ibstack.mad import local_port_guids, open_port
from ibstack.neutron.client.daemon_options import begin_logging, read_command_line
from ibstack.neutron.client.heartbeat import Heartbeat
from ibstack.neutron.client.rpc_client import (
    HintListener,
    PluginClient,
    fabric_hints,
    open_transport,
)
from ibstack.neutron.protocol.conventions import FABRIC_TOPIC
from ibstack.neutron.protocol.signature import Signer
from ibstack.runtime import systemd
from ibstack.runtime.daemon import catch_signals, doubling, start_thread
from ibstack.runtime.loop import Loop
from ibstack.subnet_manager.fabricd import options
from ibstack.subnet_manager.fabricd.metrics import FabricMetrics
from ibstack.subnet_manager.fabricd.neutron_cloud import NeutronCloud
from ibstack.subnet_manager.fabricd.with_opensm import opensm_reconciler
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack.subnet_manager.reconcile.kept_members import KeptMembers
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.subnet_manager.reconcile.published_members import PublishedMembers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.runtime.loop import Outcome
    from ibstack.runtime.metrics import Endpoint
    from ibstack.subnet_manager.reconcile.fabric_reconciler import FabricReconciler
    from ibstack.subnet_manager.settings import FabricdSettings

LOG = logging.getLogger(__name__)

_VERSION: Final = metadata.version("ibstack")
_SETTLE_S: Final = 1.0
_BACKOFF: Final = doubling(0.25, 5.0)
# A call to Neutron may take much longer; nothing is lost by leaving it.
_STOP_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Fabricd:
    """What wire() has put together."""

    loop: Loop
    ask_neutron: Callable[[], None]
    """Ask Neutron again, now."""
    heartbeat: Heartbeat
    hints: HintListener
    stopping: threading.Event
    finished: threading.Event
    metrics: FabricMetrics
    endpoint: Endpoint

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP asks Neutron again."""
        signals = catch_signals()
        self.endpoint.serve(self.metrics.registry)
        start_thread("loop", self._loop)
        start_thread("heartbeat", self.heartbeat.run)
        self.hints.start()
        start_thread("listening", self._catch_up)
        systemd.notify("READY=1")
        LOG.info("ibstack-fabricd %s is running", _VERSION)
        while os.read(signals, 1)[0] == signal.SIGHUP:
            self.ask_neutron()
        systemd.notify("STOPPING=1")
        self.stopping.set()
        self.heartbeat.stop()
        self.loop.stop()
        if not self.finished.wait(_STOP_S):
            LOG.info("ibstack-fabricd stops without waiting for an answer of Neutron")
            os._exit(0)
        LOG.info("ibstack-fabricd has stopped")

    def _loop(self) -> None:
        self.loop.run()
        self.hints.stop()
        self.finished.set()

    def _catch_up(self) -> None:
        """Look once more when hints are heard: those sent before that are lost."""
        self.hints.wait_until_listening(threading.TIMEOUT_MAX)
        self.ask_neutron()


def wire(conf: cfg.ConfigOpts) -> Fabricd:
    """Put a fabricd together from what is set in *conf*."""
    settings = options.read_settings(conf)
    transport = open_transport(conf)
    cloud = _cloud(settings, transport)
    stopping = threading.Event()
    metrics = FabricMetrics(_VERSION, settings.physical_network)
    reconciler = opensm_reconciler(
        settings.fabric,
        cloud,
        fabric_view(settings),
        opensm(settings),
        publication(settings),
        pause=stopping.wait,
        ask_anew=cloud.hint,
        proved=metrics.proved,
    )
    heartbeat = Heartbeat(
        transport,
        agent_type=PARTITION_AGENT,
        binary=FABRICD_BINARY,
        host=settings.host,
        topic=FABRIC_TOPIC,
        configurations=lambda: _configurations(settings, reconciler),
        interval_s=settings.report_interval_s,
        on_return=lambda: ask_neutron(),
    )
    loop = Loop(
        reconciler,
        interval=lambda: settings.poll_interval_s,
        settle=_SETTLE_S,
        backoff=_BACKOFF,
        report=Reporter(reconciler, heartbeat, metrics).report,
    )

    def ask_neutron() -> None:
        cloud.hint()
        loop.nudge()

    hints = fabric_hints(transport, settings.host, [settings.physical_network], ask_neutron)
    return Fabricd(
        loop, ask_neutron, heartbeat, hints, stopping, threading.Event(), metrics, settings.metrics
    )


def _cloud(settings: FabricdSettings, transport: Any) -> NeutronCloud:
    return NeutronCloud(
        PluginClient(transport, timeout_s=settings.rpc_timeout_s, signer=_signer(settings)),
        settings.physical_network,
        settings.poll_interval_s,
        kept=KeptMembers(settings.state_path),
        published=PublishedMembers(
            settings.state_path, lambda: publication(settings).read().published
        ),
    )


def _signer(settings: FabricdSettings) -> Signer | None:
    signer = Signer.read(settings.answer_key_file)
    if signer is None:
        LOG.warning(
            "answers of Neutron are believed unsigned: whoever has a compute host's account at the"
            " broker can give them; set answer_key_file here and on the controllers"
        )
    return signer


def fabric_view(settings: FabricdSettings) -> FabricView:
    """Return the view through the port that is configured."""
    return FabricView(
        lambda: open_port(settings.ca, settings.port, m_key=settings.m_key),
        local_port_guids,
        may_manage=settings.fabric.full_default,
    )


def opensm(settings: FabricdSettings) -> OpenSmProcesses:
    """Return the OpenSM that is configured."""
    return OpenSmProcesses(
        settings.partitions_conf, settings.opensm_pid_file, settings.reload_command
    )


def publication(settings: FabricdSettings) -> PartitionsFileStore:
    """Return the published file that is configured."""
    full = settings.fabric.full_default
    return PartitionsFileStore(settings.partitions_conf, settings.state_path, full)


class Reporter:
    """Tells systemd of every pass, and Neutron at once of what is new."""

    def __init__(
        self, reconciler: FabricReconciler, heartbeat: Heartbeat, metrics: FabricMetrics
    ) -> None:
        self._reconciler = reconciler
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._last: tuple[object, ...] = ()

    def report(self, outcome: Outcome) -> None:
        self._metrics.count(outcome, self._reconciler.numbers)
        status = self._reconciler.status
        said = next(iter(status.problems), "all partitions are in force").partition("\n")[0]
        systemd.notify(f"WATCHDOG=1\nSTATUS={status.role}: {said}")
        # The digest changes with every publish: that alone can wait for the next beat.
        told = status.role, status.problems, self._reconciler.reserved_guids
        if told != self._last:
            self._heartbeat.nudge()
        self._last = told


def _configurations(settings: FabricdSettings, reconciler: FabricReconciler) -> dict[str, Any]:
    status = reconciler.status
    most, smaller = reconciler.table_rooms.smaller()
    return {
        "physical_networks": [settings.physical_network],
        "table_room": most,
        "small_tables": [f"{guid} {room}" for guid, room in smaller],
        "role": status.role,
        "digest": status.digest,
        "signed": bool(settings.answer_key_file),
        "problems": list(status.problems),
        "reserved_guids": [str(guid) for guid in reconciler.reserved_guids],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run ibstack-fabricd, or give the running one an order; return the exit status."""
    try:
        conf = read_command_line(FABRICD_BINARY, partial(options.register, orders=True), argv)
        given = [order for order in Order if conf[order.value.replace("-", "_")]]
        if given or conf.accept_host:
            return _give(given, conf)
        begin_logging(conf, FABRICD_BINARY)
        fabricd = wire(conf)
    except (IbstackError, cfg.Error) as error:
        print(f"{FABRICD_BINARY}: cannot start: {error}", file=sys.stderr)
        return 2
    # A pass over a large cloud makes many objects and no cycles: at Python's own thresholds the
    # collector takes half of its time.
    gc.set_threshold(100_000, 50, 50)
    fabricd.run()
    return 0


def _give(orders: list[Order], conf: cfg.ConfigOpts) -> int:
    hosts = conf.accept_host
    words = [order.value for order in orders] + ["accept-host"] * bool(hosts)
    print(
        f"{FABRICD_BINARY}: orders are commands now, `ibstack partition"
        f" {'|'.join(sorted(words))}`; these options go with the next release",
        file=sys.stderr,
    )
    try:
        settings = options.read_settings(conf)
    except (IbstackError, cfg.Error) as error:
        print(f"{FABRICD_BINARY}: cannot order {', '.join(words)}: {error}", file=sys.stderr)
        return 2
    try:
        KnownHosts(settings.state_path, settings.fabric.host_guids).accept(*hosts)
        for order in orders:
            OperatorRequests(settings.state_path).give(order)
    except IbstackError as error:
        print(f"{FABRICD_BINARY}: {error}", file=sys.stderr)
        return error.exit_code
    given = [order.value for order in orders] + [f"accept-host {host!r}" for host in hosts]
    for each in given:
        print(
            f"ordered: {each}; ibstack-fabricd does it at its next pass, within"
            f" {settings.poll_interval_s:g} s, or when it is started, and logs what it did"
        )
    return 0

# SPDX-License-Identifier: Apache-2.0
"""ibstack-agent as a process, over a real RabbitMQ, beside a real ibstack-eswitchd."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.adapter import AdapterKind
from ibstack.neutron.protocol.instance import is_instance
from ibstack_lab.folder import LabFolder, free_ports
from ibstack_lab.process import Process, tail
from ibstack_lab.services.rabbitmq import RabbitMq
from one_host import SCRIPTS, OneHost, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.services.neutron_stand_in import StandInPort

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists(),
        reason="needs rabbitmq-server: apt-get install rabbitmq-server",
    ),
]

# As little as a compute host can be asked to give: docs/reference/agent.md.
MOST_RESIDENT_MIB = 110


class Neutron:
    """The stand-in of Neutron, in a process of its own."""

    def __init__(self, transport_url: str) -> None:
        script = Path(__file__).parents[1] / "rpc_stand_in.py"
        self.process = subprocess.Popen(
            # The parts of OpenStack that it loads say that eventlet is deprecated.
            [sys.executable, "-W", "ignore", str(script), transport_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def ask(self, *words: object) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


class Cloud:
    """A broker, a Neutron, and one host with both of its daemons."""

    def __init__(self, opened: ExitStack) -> None:
        folder = Path(tempfile.mkdtemp(prefix="ib"))
        opened.callback(shutil.rmtree, folder)
        lab = LabFolder(folder)
        lab.choose_ports()
        (self.metrics_port,) = free_ports(1)
        rabbit = RabbitMq(lab, "secret")
        rabbit.configure()
        self._mapper, self.broker = rabbit.port_mapper(), rabbit.process()
        self._broker_ready = rabbit.ready
        opened.callback(self._mapper.stop)
        opened.callback(self.broker.stop)
        self._mapper.start()
        self._mapper.wait_until(rabbit.port_mapper_ready, timeout_s=30)
        self.start_broker()
        self.transport_url = rabbit.transport_url
        self.neutron = Neutron(self.transport_url)
        opened.callback(self.neutron.stop)
        self.host = OneHost(AdapterKind.MLX4, vfs=16)
        opened.enter_context(self.host)
        self.host.stop_agent()
        self.agent = Process(
            name="agent",
            argv=[str(SCRIPTS / "ibstack-agent"), "--config-file", str(folder / "agent.conf")],
            log=folder / "agent.log",
            pid_file=folder / "agent.pid",
        )
        opened.callback(self.agent.stop)
        (folder / "agent.conf").write_text(
            f"[DEFAULT]\nhost = node\ntransport_url = {rabbit.transport_url}\n"
            f"[agent]\nreport_interval = 2\nrpc_timeout = 5\n"
            f"[eswitch]\nsocket = {self.host.socket}\n"
            f"[metrics]\nport = {self.metrics_port}\n"
            "[oslo_messaging_rabbit]\nrabbit_interval_max = 1\n"
        )

    def start_broker(self) -> None:
        self.broker.start()
        self.broker.wait_until(self._broker_ready, timeout_s=90)

    def start_agent(self) -> None:
        self.agent.start()
        known = len(self.neutron.ask("states"))
        eventually(lambda: len(self.neutron.ask("states")) > known, log=self.log)

    def bring_up(self, port: StandInPort) -> float:
        """Bind, plug and wait until the port is ACTIVE; return the seconds from plug to ACTIVE."""
        self.neutron.ask("create", asdict(port))
        began = time.monotonic()
        self.host.plug(port, wait_s=30)
        eventually(lambda: self.neutron.ask("status", port.id) == "ACTIVE", log=self.log)
        became: float = self.neutron.ask("became active", port.id)
        return became - began

    def log(self) -> str:
        return tail(self.agent.log, 30)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with ExitStack() as opened:
        yield Cloud(opened)


@pytest.fixture
def agent(cloud: Cloud) -> Iterator[Process]:
    cloud.start_agent()
    yield cloud.agent
    cloud.agent.stop()


def test_reports_about_ports_follow_a_heartbeat_of_the_same_process(
    cloud: Cloud, agent: Process
) -> None:
    """Else Neutron would take a daemon that has just started for somebody in its host's name."""
    port = cloud.host.port(5)
    cloud.bring_up(port)
    before = len(cloud.neutron.ask("reports"))
    agent.stop()
    cloud.start_agent()
    another = cloud.host.port(6)
    cloud.bring_up(another)

    eventually(lambda: len(cloud.neutron.ask("reports")) > before, log=cloud.log)

    states = cloud.neutron.ask("states")
    digests = []
    for instance, heartbeats in cloud.neutron.ask("reports"):
        digests.append(states[heartbeats - 1]["configurations"]["instance"])
        assert is_instance(instance, digests[-1])
    assert digests[before] != digests[0]
    for each in (port, another):
        cloud.host.unplug(each)
        cloud.neutron.ask("delete", each.id)


def numbers(port: int) -> dict[str, float]:
    """Read the metrics that are served on *port*, by their series."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {series: float(value) for series, _, value in pairs}


def resident_mib(process: Process) -> float:
    pages = int(Path(f"/proc/{process.pid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_ports_become_active_after_their_plug(cloud: Cloud, agent: Process) -> None:
    for number in range(8):
        cloud.bring_up(cloud.host.port(number))  # Fails where it takes longer than its limit.


def test_the_heartbeat_is_that_of_an_agent_of_neutron(cloud: Cloud, agent: Process) -> None:
    state = cloud.neutron.ask("states")[-1]

    assert (state["agent_type"], state["binary"], state["host"]) == (
        "Mellanox plugin agent",
        "ibstack-agent",
        "node",
    )
    assert state["configurations"]["adapters"][0]["vfs"] == "0000:05:00.1-0000:05:02.0"


def test_prometheus_reads_both_daemons_at_the_agent(cloud: Cloud, agent: Process) -> None:
    port = cloud.metrics_port
    eventually(lambda: numbers(port)["ibstack_agent_passes_total"] > 0, log=cloud.log)
    plugged = len(cloud.host.eswitch.read().attachments)

    found = numbers(port)
    assert found["ibstack_eswitchd_up"] == 1
    assert found['ibstack_eswitchd_attachments{state="programmed"}'] == plugged
    cloud.host.eswitchd.stop()
    try:
        assert numbers(port)["ibstack_eswitchd_up"] == 0
    finally:
        cloud.host.start_eswitchd()


def test_both_daemons_take_little_memory(cloud: Cloud, agent: Process) -> None:
    used = {one.name: resident_mib(one) for one in (agent, cloud.host.eswitchd)}

    print("resident, MiB:", used)
    assert sum(used.values()) <= MOST_RESIDENT_MIB


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds(cloud: Cloud, agent: Process, number: int) -> None:
    agent.signal(number)

    eventually(lambda: not agent.running(), within_s=2, log=cloud.log)


def test_no_daemon_that_speaks_with_the_broker_imports_eventlet(
    cloud: Cloud, tmp_path: Path
) -> None:
    conf = tmp_path / "fabricd.conf"
    conf.write_text(
        f"[DEFAULT]\nhost = head\ntransport_url = {cloud.transport_url}\n"
        "[fabric]\nphysical_network = ibhostnet\n"
        f"partitions_conf = {tmp_path}/partitions.conf\nstate_path = {tmp_path}/state\n"
        "[metrics]\nport = 0\n[oslo_messaging_rabbit]\nrabbit_interval_max = 1\n"
    )
    settings = {"ibstack-agent": cloud.agent.argv[2], "ibstack-fabricd": str(conf)}
    for program, file in settings.items():
        daemon = Process(
            name=program,
            argv=[str(SCRIPTS / program), "--config-file", file],
            log=tmp_path / f"{program}.log",
            pid_file=tmp_path / f"{program}.pid",
            env={"PYTHONPROFILEIMPORTTIME": "1", "PYTHONWARNINGS": "always"},
        )
        known = reports(cloud, program)
        daemon.start()
        try:
            eventually(partial(has_reported, cloud, program, known), within_s=60)
        finally:
            daemon.stop()

        said = daemon.log.read_text()
        assert "oslo_messaging._drivers.impl_rabbit" in said  # It tells what is imported.
        # An import that fails is told of too, so this is one that comes with eventlet's own.
        assert "eventlet.hubs" not in said
        assert "EventletDeprecationWarning" not in said


def reports(cloud: Cloud, program: str) -> int:
    """Return how many heartbeats of *program* Neutron has had."""
    return [state["binary"] for state in cloud.neutron.ask("states")].count(program)


def has_reported(cloud: Cloud, program: str, known: int) -> bool:
    return reports(cloud, program) > known


def test_it_goes_on_when_the_broker_is_back(cloud: Cloud, agent: Process) -> None:
    port = cloud.host.port(9)
    cloud.broker.stop()
    cloud.host.plug(port)
    eventually(lambda: "broker is away" in cloud.log(), log=cloud.log)

    cloud.start_broker()

    eventually(lambda: cloud.neutron.ask("create", asdict(port)) is None, within_s=30)
    eventually(lambda: cloud.neutron.ask("status", port.id) == "ACTIVE", within_s=30, log=cloud.log)
    said = [line for line in cloud.agent.log.read_text().splitlines() if "broker is away" in line]
    assert len(said) <= 4, said


def test_it_stops_within_two_seconds_while_the_broker_is_away(cloud: Cloud) -> None:
    cloud.broker.stop()
    cloud.agent.start()
    try:
        eventually(lambda: "is running" in cloud.log(), log=cloud.log)
        cloud.agent.signal(signal.SIGTERM)
        eventually(lambda: not cloud.agent.running(), within_s=2, log=cloud.log)
    finally:
        cloud.start_broker()

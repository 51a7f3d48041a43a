# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus reads the real daemons, with the rules and the dashboard that are shipped."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.folder import free_ports
from ibstack_lab.process import Process, tail
from ibstack_lab.topology import ARTICLE
from one_adapter import Variant
from one_daemon import Daemon
from one_fabricd import PROGRAM, Fabricd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PACKAGING = Path(__file__).parents[2] / "packaging"
RULES = PACKAGING / "prometheus" / "ibstack-alerts.yml"
DASHBOARD = json.loads((PACKAGING / "grafana" / "ibstack.json").read_text())
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
HEAD, NODE1, NODE2, NODE3 = (host.port_guid for host in ARTICLE.hosts)

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("prometheus", "ibsim", "opensm"))),
    reason="needs prometheus, ibsim-utils and opensm: apt-get install them",
)


class Prometheus:
    """A server of its own, on loopback, which asks every half second and alarms after a second."""

    def __init__(self, folder: Path, targets: Mapping[str, int]) -> None:
        folder.mkdir()
        (self._port,) = free_ports(1)
        rules = yaml.safe_load(RULES.read_text())
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            rule["for"] = "1s"
        (folder / "rules.yml").write_text(yaml.safe_dump(rules))
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in targets.items()
        ]
        often = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
        config = {"global": often, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        argv = [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        self.process = Process("prometheus", argv, folder / "log", folder / "pid")
        self.ends: dict[str, Callable[[], object]] = {}
        """How each daemon that it reads is ended."""

    def get(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    def series(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("query", query=query)["result"]
        return found

    def alert(self, name: str) -> str:
        """Return the state of an alert: none, pending or firing."""
        alerts = self.get("alerts")["alerts"]
        return next((a["state"] for a in alerts if a["labels"]["alertname"] == name), "none")

    def until(self, query: str, limit_s: float = 20) -> None:
        """Wait until *query* returns a series."""
        deadline = time.monotonic() + limit_s
        while not self._answers(query):
            assert time.monotonic() < deadline, (query, tail(self.process.log, 20))
            time.sleep(0.1)

    def _answers(self, query: str) -> bool:
        try:
            return bool(self.series(query))
        except OSError:
            return False  # It has only just started.


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    made = Fabric.of_lab(tmp_path_factory.mktemp("fabric"), ARTICLE)
    try:
        made.start()
        for host in made.topology.subnet_manager_hosts:
            made.start_subnet_manager(host.name)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def prometheus(fabric: Fabric, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It reads a fabricd and an agent, and through that an eswitchd; p1 is in force."""
    folder = tmp_path_factory.mktemp("daemons")
    targets = dict(zip(("ibstack-fabricd", "ibstack-agent"), free_ports(2), strict=True))
    with ExitStack() as running:
        fabricd = Fabricd(
            fabric,
            folder / "fabricd",
            metrics_port=targets["ibstack-fabricd"],
            settings="audit_interval = 0.5\n",
        )
        running.callback(fabricd.process.stop)
        fabricd.process.start()
        eswitchd = running.enter_context(Daemon(Variant.MLX4))
        agent = _agent(folder / "fabricd", eswitchd, targets["ibstack-agent"])
        running.callback(agent.stop)
        agent.start()
        fabricd.until(lambda: fabricd.heartbeat()["configurations"].get("role") == "master")
        fabricd.want(("p1", NODE2, "0x0101"))
        fabricd.until(lambda: fabricd.in_force() == {"p1"})
        server = Prometheus(folder / "prometheus", targets)
        running.callback(server.process.stop)
        server.process.start()
        # Rates need two samples.
        server.until('count_over_time(up{job="ibstack-agent"}[1m]) > 2')
        server.until("count_over_time(ibstack_fabricd_ports[1m]) > 2")
        server.ends = {
            "eswitchd": eswitchd.kill,
            "agent": agent.stop,
            "fabricd": fabricd.process.stop,
        }
        yield server


def _agent(folder: Path, eswitchd: Daemon, port: int) -> Process:
    conf = folder / "agent.conf"
    conf.write_text(
        f"[DEFAULT]\nhost = node\ntransport_url = fake:///\n[eswitch]\nsocket = {eswitchd.socket}\n"
        f"[agent]\nrpc_timeout = 2\n[metrics]\nport = {port}\n"
    )
    argv = [sys.executable, str(PROGRAM), str(folder), "agent", "--config-file", str(conf)]
    return Process("agent", argv, folder / "agent.log", folder / "agent.pid")


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_of_the_dashboard_returns_a_series(prometheus: Prometheus, query: str) -> None:
    # What is shown where nothing is known is a series too.
    known, _, _ = query.partition(" or NaN")
    filled = known.replace("$__rate_interval", "1m").replace("$instance", ".*")

    assert "$" not in filled
    prometheus.until(filled, limit_s=5)


def test_every_rule_is_evaluated_and_says_nothing_of_a_sound_fabric(
    prometheus: Prometheus,
) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]

    deadline = time.monotonic() + 20
    while {rule["health"] for rule in rules()} != {"ok"}:
        assert time.monotonic() < deadline, rules()
        time.sleep(0.1)
    assert prometheus.series('ibstack_fabricd_members{state="in_force"} == 1')
    assert prometheus.series("ibstack_fabricd_desired_to_proved_seconds_count == 1")
    assert prometheus.series("ibstack_fabricd_publishes_total > 0")
    quiet = (
        *("IbstackIsolationAtRisk", "IbstackDrift", "IbstackNotAudited", "IbstackPortsUnread"),
        *("IbstackNodesUnread", "IbstackNotScraped", "IbstackNoMaster", "IbstackSeveralMasters"),
        *("IbstackFabricdDown", "IbstackAgentDown", "IbstackEswitchdDown"),
    )
    assert {name: prometheus.alert(name) for name in quiet} == dict.fromkeys(quiet, "none")


def test_an_alert_goes_pending_and_fires_while_there_is_drift(
    prometheus: Prometheus, fabric: Fabric
) -> None:
    attachment = Attachment(fabric, "node003")
    name, seen = "IbstackIsolationAtRisk", set[str]()
    try:
        reader = FabricReader(attachment)
        write_entries(attachment, reader, NODE3, {0: 0})
        deadline = time.monotonic() + 20
        while "firing" not in seen:
            seen.add(prometheus.alert(name))
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        alarms = prometheus.series("ibstack_fabricd_drift > 0")
        assert [each["metric"]["class"] for each in alarms] == ["dead index 0"]
        assert "pending" in seen

        write_entries(attachment, reader, NODE3, {0: 0x7FFF})
        while prometheus.alert(name) != "none":
            assert time.monotonic() < deadline + 20
            time.sleep(0.05)
    finally:
        attachment.close()


@pytest.mark.parametrize(
    ("daemon", "alerts"),
    [
        ("eswitchd", {"IbstackEswitchdDown"}),
        ("agent", {"IbstackAgentDown"}),
        ("fabricd", {"IbstackFabricdDown", "IbstackNoMaster"}),
    ],
)
def test_alerts_fire_once_a_daemon_is_gone(
    prometheus: Prometheus, daemon: str, alerts: set[str]
) -> None:
    """The last tests of this file: nobody starts it again."""
    assert {prometheus.alert(name) for name in alerts} == {"none"}

    prometheus.ends[daemon]()

    deadline = time.monotonic() + 20
    while {prometheus.alert(name) for name in alerts} != {"firing"}:
        assert time.monotonic() < deadline, prometheus.get("alerts")
        time.sleep(0.1)

# SPDX-License-Identifier: Apache-2.0
from prometheus_client import generate_latest

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import TableEntry
from ibstack.host.agent.host_reconciler import HostReconciler
from ibstack.host.agent.metrics import AgentMetrics
from ibstack.host.agent.reporter import Reporter
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.runtime.loop import Outcome
from ibstack_lab.services.neutron_stand_in import NeutronStandIn
from one_adapter import Variant
from one_daemon import Daemon

MAC = "fa:16:3e:00:00:01"


def samples(metrics: AgentMetrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {series: float(value) for series, _, value in pairs}


def test_a_pending_plug_shows_until_its_vf_is_programmed() -> None:
    with Daemon(Variant.MLX4) as one:
        metrics = AgentMetrics("1", "node009", one.client)
        one.client.attach("ibhostnet", MAC, one.pci(0))
        before = samples(metrics)
        one.client.configure(one.pci(0), MAC, TableEntry.from_wire(0x8001), link_up=True)
        one.ask(b"nonsense\n")
        after = samples(metrics)

    assert before["ibstack_eswitchd_up"] == 1
    assert before['ibstack_eswitchd_attachments{state="pending"}'] == 1
    assert after['ibstack_eswitchd_attachments{state="pending"}'] == 0
    assert after['ibstack_eswitchd_attachments{state="programmed"}'] == 1
    functions = 'virtual_functions{interface="ib0",physical_network="ibhostnet"}'
    assert after[f"ibstack_eswitchd_{functions}"] == 4
    requests = 'ibstack_eswitchd_requests_total{result="%s",verb="%s"}'
    assert after[requests % ("done", "attach")] == 1
    assert after[requests % ("bad-input", "unknown")] == 1
    assert requests % ("done", "configure") not in before


def test_of_an_eswitchd_that_does_not_answer_only_that_is_told(tmp_path: object) -> None:
    metrics = AgentMetrics("1", "node009", EswitchClient(f"{tmp_path}/nobody.sock"))

    found = samples(metrics)

    assert {s for s in found if s.startswith("ibstack_eswitchd")} == {"ibstack_eswitchd_up"}
    assert found["ibstack_eswitchd_up"] == 0


def test_passes_writes_and_failures_are_counted() -> None:
    metrics = AgentMetrics("1", "node009", EswitchClient("/nobody"))

    metrics.count(Outcome(changed=3, failures=(Refused("x"),), waiting_for="y"))
    metrics.count(Outcome(changed=1))

    found = samples(metrics)
    assert found["ibstack_agent_passes_total"] == 2
    assert found["ibstack_agent_writes_total"] == 4
    assert found["ibstack_agent_waiting"] == 0
    assert found['ibstack_agent_failures_total{kind="refused"}'] == 1


def test_neutron_being_away_is_a_failure_and_not_a_plug_that_waits() -> None:
    neutron = NeutronStandIn()
    neutron.reachable = False
    with Daemon(Variant.MLX4) as one:
        metrics = AgentMetrics("1", "node009", one.client)
        reporter = Reporter("node009", neutron, resync_s=5)
        metrics.count(HostReconciler("node009", one.client, neutron, reporter).once())
        found = samples(metrics)

    assert found["ibstack_agent_waiting"] == 0
    assert found['ibstack_agent_failures_total{kind="try-later"}'] == 1


def test_a_plug_that_waits_is_told() -> None:
    metrics = AgentMetrics("1", "node009", EswitchClient("/nobody"))

    metrics.count(Outcome(waiting_for="0000:05:00.1"))

    assert samples(metrics)["ibstack_agent_waiting"] == 1
    (waiting,) = (each for each in metrics.registry.collect() if each.name.endswith("waiting"))
    assert "Neutron" not in waiting.documentation

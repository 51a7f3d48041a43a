# SPDX-License-Identifier: Apache-2.0
"""The agent's loop against a real ibstack-eswitchd, and a Neutron that keeps state."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.adapter import AdapterKind
from ibstack.host.agent.host_reconciler import HostReconciler
from ibstack.host.agent.reporter import Reporter
from one_host import BLUE, RED, OneHost, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack_lab.services.neutron_stand_in import StandInPort

pytestmark = pytest.mark.real


@pytest.fixture(params=AdapterKind, ids=lambda kind: kind.value)
def host(request: pytest.FixtureRequest) -> Iterator[OneHost]:
    with OneHost(request.param) as started:
        yield started


@dataclass
class Clock:
    """Stands still unless it is set."""

    now: float = 0

    def __call__(self) -> float:
        return self.now


def comes_up(host: OneHost, port: StandInPort, *, within_s: float = 20) -> None:
    eventually(lambda: host.is_live(port), within_s=within_s, what=f"{port.id} is live")


def goes_away(host: OneHost, port: StandInPort) -> None:
    eventually(lambda: host.is_clean(port), what=f"{port.id} is gone and clean")


# A port's way up, and down again, in every order that nova and a person can bring about.
UP = {
    "nova's order": ("create", "bind", "plug"),
    "plugged before it is bound": ("create", "plug", "bind"),
    "plugged before it exists": ("plug", "create", "bind"),
    "created with its host": ("create bound", "plug"),
    "plugged, then created with its host": ("plug", "create bound"),
    "plugged twice": ("plug", "create bound", "plug"),
}
DOWN = {
    "nova's order": ("unplug", "delete"),
    "deleted first": ("delete", "unplug"),
    "unplugged twice": ("unplug", "unplug", "delete"),
}


def steps(host: OneHost, port: StandInPort) -> dict[str, Callable[[], None]]:
    return {
        "create": lambda: host.create(replace(port, host="", pci=None)),
        "bind": lambda: host.neutron.change(port.id, host=port.host, pci=port.pci),
        "create bound": lambda: host.create(port),
        "plug": lambda: host.plug(port),
        "unplug": lambda: host.unplug(port),
        "delete": lambda: host.neutron.delete(port.id),
    }


@pytest.mark.parametrize("kind", AdapterKind, ids=lambda kind: kind.value)
def test_in_every_order_a_port_ends_active_and_right_or_gone_and_clean(kind: AdapterKind) -> None:
    with OneHost(kind) as host:
        for number, (up, down) in enumerate(itertools.product(UP.values(), DOWN.values())):
            port = replace(host.port(number % 4), mac=f"fa:16:3e:00:01:{number:02x}")
            does = steps(host, port)
            for step in up:
                does[step]()
            comes_up(host, port)
            for step in down:
                does[step]()
            goes_away(host, port)


@pytest.mark.parametrize("kind", AdapterKind, ids=lambda kind: kind.value)
@pytest.mark.parametrize("daemon", ["agent", "eswitchd"])
def test_a_daemon_may_be_killed_between_any_two_steps(kind: AdapterKind, daemon: str) -> None:
    with OneHost(kind) as host:
        port = host.port(0)

        def restart() -> None:
            if daemon == "agent":
                host.stop_agent()
                host.start_agent()
            else:
                host.kill_eswitchd()
                host.start_eswitchd()

        does = steps(host, port)
        for step in ("plug", "create", "bind"):
            does[step]()
            restart()
        comes_up(host, port)
        restart()
        comes_up(host, port)
        for step in ("unplug", "delete"):
            does[step]()
            restart()
        goes_away(host, port)


def test_no_port_is_lost_when_all_hints_are(request: pytest.FixtureRequest) -> None:
    with OneHost(AdapterKind.MLX4, vfs=16, hints=False) as host:
        shuffled = random.Random(7)
        ports = [host.port(number, entry=shuffled.choice([RED, BLUE])) for number in range(16)]
        todo = [(port, step) for port in ports for step in shuffled.choice(list(UP.values()))]
        progress = {port.id: [step for one, step in todo if one == port] for port in ports}
        turns = [port for port, _step in todo]
        shuffled.shuffle(turns)

        for number, port in enumerate(turns):
            steps(host, port)[progress[port.id].pop(0)]()
            if number % 9 == 8:
                host.kill_eswitchd()
                host.start_eswitchd()

        for port in ports:
            comes_up(host, port)


def test_ebrctl_returns_when_the_vf_is_programmed(host: OneHost) -> None:
    port = host.port(1)
    host.create(port)
    assert port.pci is not None

    done = host.ebrctl(
        "add-port", port.mac, "instance", port.physical_network, "ib_hostdev", port.pci
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert str(host.vf(1).entry) == port.entry
    comes_up(host, port)

    assert host.ebrctl("del-port", port.physical_network, port.mac).returncode == 0
    goes_away(host, port)


def test_a_port_is_not_up_before_it_is_plugged(host: OneHost) -> None:
    early, plugged = host.port(0), host.port(1)
    host.create(early)
    host.create(plugged)
    host.plug(plugged)

    comes_up(host, plugged)
    assert host.neutron.status(early.id) == "DOWN"


def test_an_mlx4_entry_that_the_physical_table_lacks_is_waited_for() -> None:
    with OneHost(AdapterKind.MLX4) as host:
        port = host.port(0, entry="0x8005")
        host.create(port)
        host.plug(port)
        eventually(lambda: "0x8005" in str(host.eswitch.read().attachments[0].why))
        assert host.neutron.status(port.id) == "DOWN"

        host.hardware.show_table([0x7FFF, 0x8001, 0x8005])

        comes_up(host, port)


def test_a_port_that_moves_to_another_network_leaves_the_first_one(host: OneHost) -> None:
    port = host.port(0)
    host.create(port)
    host.plug(port)
    comes_up(host, port)

    host.neutron.change(port.id, entry=BLUE, status="DOWN")

    comes_up(host, replace(port, entry=BLUE))


def test_a_port_set_down_is_taken_off_and_comes_back(host: OneHost) -> None:
    port = host.port(0)
    host.create(port)
    host.plug(port)
    comes_up(host, port)

    host.neutron.change(port.id, admin_state_up=False)
    eventually(lambda: host.vf(0).entry is None and host.neutron.status(port.id) == "DOWN")

    host.neutron.change(port.id, admin_state_up=True)
    comes_up(host, port)


def test_the_destination_of_a_live_migration_is_staged_until_it_is_active(host: OneHost) -> None:
    port = replace(host.port(0), binding="INACTIVE", status="ACTIVE")
    host.create(port)

    host.plug(port, wait_s=10)
    eventually(lambda: host.neutron.told_nova == [port.id], what="nova was told")
    assert host.vf(0).entry is None
    assert host.neutron.status(port.id) == "ACTIVE"

    host.neutron.change(port.id, binding="ACTIVE", status="DOWN")
    comes_up(host, port)


def test_a_port_that_something_else_set_down_is_active_again(host: OneHost) -> None:
    port = host.port(0)
    host.create(port)
    host.plug(port)
    comes_up(host, port)

    host.neutron.change(port.id, status="DOWN")

    comes_up(host, port)


def test_nothing_is_lost_while_neutron_is_away(host: OneHost) -> None:
    before, during = host.port(0), host.port(1)
    host.create(before)
    host.plug(before)
    comes_up(host, before)

    host.neutron.reachable = False
    host.unplug(before)
    host.create(during)
    host.plug(during)
    host.neutron.reachable = True

    comes_up(host, during)
    goes_away(host, before)


def test_nothing_is_touched_while_neutron_cannot_say_what_it_wants(host: OneHost) -> None:
    port = host.port(0)
    host.create(port)
    host.plug(port)
    comes_up(host, port)
    host.stop_agent()

    host.neutron.reachable = False
    host.start_agent()
    assert host.agent is not None
    outcome = host.agent.reconciler.once()

    assert [str(failure) for failure in outcome.failures] == [
        "cannot ask the stand-in of Neutron: it is away"
    ]
    assert host.is_live(port)


def test_a_host_where_nothing_happens_reports_nothing(host: OneHost) -> None:
    port = host.port(0)
    host.create(port)
    host.plug(port)
    comes_up(host, port)
    assert host.agent is not None
    agent = host.agent
    eventually(lambda: agent.reconciler.once().changed == 0)
    reports = host.neutron.reports

    assert agent.reconciler.once().changed == 0
    assert host.neutron.reports == reports


def test_the_heartbeat_says_which_adapters_there_are(host: OneHost) -> None:
    assert host.agent is not None
    agent = host.agent
    eventually(lambda: agent.reconciler.configurations()["adapters"])

    (adapter,) = agent.reconciler.configurations()["adapters"]

    assert adapter == {
        "physical_network": "ibhostnet",
        "interface": "ib0",
        "kind": host.hardware.kind.value,
        "port_guid": "0x0002c90300000031",
        "vfs": "0000:05:00.1-0000:05:00.4",
        "entries": 127,
    }


def test_many_plugs_at_once_are_one_question(host: OneHost) -> None:
    ports = [host.port(number) for number in range(4)]
    for port in ports:
        host.create(port)
    host.plug(ports[0])
    comes_up(host, ports[0])
    host.stop_agent()
    reporter = Reporter(host.host.name, host.neutron, resync_s=300)
    clock = Clock()
    reconciler = HostReconciler(host.host.name, host.eswitch, host.neutron, reporter, clock=clock)
    reconciler.once()
    asked = host.neutron.questions

    for port in ports[1:]:
        host.plug(port)
        outcome = reconciler.once()
        assert outcome.changed > 0
        assert outcome.look_again_s == 1
    assert host.neutron.questions == asked

    reconciler.expect_news()
    reconciler.once()
    assert host.neutron.questions == asked + 1
    clock.now = 1.5
    reconciler.once()
    assert host.neutron.questions == asked + 2


def test_ports_that_others_plugged_stay_active_and_their_vfs_untouched(host: OneHost) -> None:
    ports = [host.port(number) for number in range(3)]
    for port in ports:
        host.create(port)
        host.plug(port)
        comes_up(host, port)
    host.stop_agent()
    host.eswitchd.stop()
    for record in (host.folder / "state/attachments").iterdir():
        record.unlink()
    before = {path: path.read_text() for path in _written(host)}
    host.start_eswitchd()
    host.start_agent()

    eventually(lambda: len(host.eswitch.read().attachments) == 3, what="all are on record")
    assert [host.neutron.status(port.id) for port in ports] == ["ACTIVE"] * 3
    assert {path: path.read_text() for path in _written(host)} == before
    for port in ports:
        host.unplug(port)
        host.neutron.delete(port.id)
        goes_away(host, port)


def _written(host: OneHost) -> list[Path]:
    """Return the files of the adapter that eswitchd may write."""
    names = ("pkey_idx/*", "admin_guids/*", "sriov/*/*", "enable_smi_admin")
    root = host.folder / "sys/devices"
    return [path for name in names for path in root.rglob(name) if path.is_file()]

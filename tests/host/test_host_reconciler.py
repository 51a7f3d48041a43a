# SPDX-License-Identifier: Apache-2.0
"""Passes of the agent over an eswitch without a process, which is under the daemon's contract.

With the daemons themselves, and their threads: test_agent.py.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from eswitch_in_process import EswitchInProcess
from ibstack.fabric.guid import Guid
from ibstack.host.agent.host_reconciler import HostReconciler
from ibstack_lab.services.neutron_stand_in import NeutronStandIn, StandInPort
from ibstack_lab.topology import PHYSICAL_NETWORK
from one_adapter import OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ibstack.host.agent.plan import DesiredPort
    from ibstack.host.client.observed import ObservedVf

RED, BLUE, ABSENT = "0x8001", "0x8002", "0x8099"


@dataclass
class ToldAtOnce:
    """A reporter without threads: what is true is told within the pass."""

    host: str
    neutron: NeutronStandIn

    def tell(
        self,
        ready: Iterable[DesiredPort],
        gone: Iterable[DesiredPort],
        failed: Iterable[DesiredPort] = (),
    ) -> None:
        facts = [[port.id for port in ports] for ports in (ready, gone, failed)]
        if any(facts):
            self.neutron.report_host(self.host, *facts)


class Host:
    """One adapter, its eswitch, and the agent's passes."""

    def __init__(self, adapter: OneAdapter) -> None:
        self.adapter = adapter
        self.eswitch = EswitchInProcess(adapter)
        self.name = adapter.host.name
        self.neutron = NeutronStandIn(lambda host: self.reconciler.expect_news())
        self.now = 0.0
        self.restart()

    def restart(self) -> None:
        """End the agent and start it again."""
        self.reconciler = HostReconciler(
            self.name,
            self.eswitch,
            self.neutron,
            ToldAtOnce(self.name, self.neutron),  # type: ignore[arg-type]
            clock=lambda: self.now,
        )

    def passes(self, count: int = 3) -> None:
        for _ in range(count):
            self.outcome = self.reconciler.once()
            self.now += 0.1

    def port(self, number: int, *, entry: str = RED) -> StandInPort:
        return StandInPort(
            id=f"port-{number}",
            mac=f"fa:16:3e:00:00:{number:02x}",
            entry=entry,
            physical_network=PHYSICAL_NETWORK,
            host=self.name,
            pci=str(self.adapter.pci(number)),
        )

    def plug(self, port: StandInPort) -> None:
        number = int(port.id.removeprefix("port-"))
        self.eswitch.attach(port.physical_network, port.mac, self.adapter.pci(number))

    def unplug(self, port: StandInPort) -> None:
        self.eswitch.detach(port.physical_network, port.mac)

    def vf(self, number: int) -> ObservedVf:
        (adapter,) = self.eswitch.read().adapters
        return next(vf for vf in adapter.vfs if vf.number == number)

    def is_live(self, port: StandInPort) -> bool:
        vf = self.vf(int(port.id.removeprefix("port-")))
        shown = vf.guid == Guid.from_mac(port.mac) and str(vf.entry) == port.entry
        return shown and self.neutron.status(port.id) == "ACTIVE"


@pytest.fixture(params=[Variant.MLX4, Variant.MLX5_FILES], ids=lambda variant: variant.value)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with OneAdapter(request.param) as adapter:
        yield Host(adapter)


def orders(host: Host, port: StandInPort) -> dict[str, Callable[[], None]]:
    bare = replace(port, host="", pci=None)
    return {
        "create": lambda: host.neutron.create(bare),
        "bind": lambda: host.neutron.change(port.id, host=port.host, pci=port.pci),
        "plug": lambda: host.plug(port),
    }


@pytest.mark.parametrize("order", [
    order for order in itertools.permutations(["create", "bind", "plug"])
    if order.index("create") < order.index("bind")
])  # fmt: skip
def test_in_every_order_a_port_ends_active_and_right(host: Host, order: tuple[str, ...]) -> None:
    port = host.port(0)
    does = orders(host, port)
    for step in order:
        does[step]()
        host.passes(1)
        assert host.neutron.status(port.id) != "ACTIVE" or step == order[-1]
    host.passes()

    assert host.is_live(port)
    assert host.outcome.changed == 0


def test_a_port_is_not_active_before_it_is_plugged(host: Host) -> None:
    host.neutron.create(host.port(0))
    host.passes()

    assert host.neutron.status("port-0") == "DOWN"
    assert str(host.vf(0).entry) != RED


@pytest.mark.parametrize("who", ["agent", "eswitchd"])
def test_a_restart_in_between_loses_nothing(host: Host, who: str) -> None:
    port = host.port(0)
    restart = {"agent": host.restart, "eswitchd": host.eswitch.restart}[who]
    for step in orders(host, port).values():
        step()
        restart()
        host.passes(1)
    host.passes()
    assert host.is_live(port)

    restart()
    host.passes()
    assert host.is_live(port)


def test_a_port_that_changes_its_network_leaves_the_first_one(host: Host) -> None:
    port = host.port(0)
    host.neutron.create(port)
    host.plug(port)
    host.passes()

    host.neutron.change(port.id, entry=BLUE, status="DOWN")
    host.passes()

    assert host.is_live(replace(port, entry=BLUE))


def test_a_port_that_is_deleted_or_set_down_is_taken_off(host: Host) -> None:
    ports = [host.port(0), host.port(1)]
    for port in ports:
        host.neutron.create(port)
        host.plug(port)
    host.passes()

    host.neutron.delete("port-0")
    host.neutron.change("port-1", admin_state_up=False)
    host.passes()
    assert [host.vf(number).entry for number in (0, 1)] == [None, None]
    assert host.neutron.status("port-1") == "DOWN"

    host.neutron.change("port-1", admin_state_up=True)
    host.passes()
    assert host.is_live(ports[1])


def test_what_is_unplugged_is_clean_and_not_active(host: Host) -> None:
    port = host.port(0)
    host.neutron.create(port)
    host.plug(port)
    host.passes()

    host.unplug(port)
    host.now += 1  # As long as an answer of Neutron's is good.
    host.passes()

    assert host.vf(0).entry is None
    assert host.neutron.status(port.id) == "DOWN"


def test_all_stays_as_it_is_while_neutron_cannot_be_asked(host: Host) -> None:
    port = host.port(0)
    host.neutron.create(port)
    host.plug(port)
    host.passes()
    host.neutron.reachable = False
    host.now += 60

    host.passes()
    (failure,) = host.outcome.failures
    assert "cannot ask" in str(failure)
    assert str(host.vf(0).entry) == RED

    host.neutron.reachable = True
    host.passes()
    assert host.outcome.failures == ()
    assert host.is_live(port)


def test_an_eswitchd_that_is_away_is_a_failure_that_is_over_when_it_is_back(host: Host) -> None:
    port = host.port(0)
    host.neutron.create(port)
    host.plug(port)
    host.eswitch.is_down = True
    host.passes(1)
    assert "cannot ask ibstack-eswitchd" in str(host.outcome.failures[0])
    assert host.neutron.status(port.id) == "DOWN"

    host.eswitch.is_down = False
    host.passes()
    assert host.is_live(port)


def test_an_entry_that_the_physical_ports_table_lacks_is_waited_for() -> None:
    with OneAdapter(Variant.MLX4) as adapter:
        host = Host(adapter)
        port = host.port(0, entry=ABSENT)
        host.neutron.create(port)
        host.plug(port)
        host.passes()
        assert host.neutron.status(port.id) == "DOWN"
        assert host.outcome.look_again_s is not None

        adapter.hardware.show_table([0x7FFF, 0x8001, 0x8099])
        host.passes()
        assert host.is_live(port)


def test_a_port_that_may_move_here_is_staged_and_not_live_until_it_does(host: Host) -> None:
    port = replace(host.port(0), binding="INACTIVE", status="ACTIVE")
    host.neutron.create(port)
    host.plug(port)
    host.passes()
    assert host.vf(0).entry is None
    assert host.neutron.told_nova[:1] == [port.id]

    host.neutron.change(port.id, binding="ACTIVE")
    host.passes()
    assert host.is_live(port)

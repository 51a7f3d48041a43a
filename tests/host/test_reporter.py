# SPDX-License-Identifier: Apache-2.0
"""Reports: each until it is taken, in order for each port, and none twice without need."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.host.agent.plan import Binding, DesiredPort
from ibstack.host.agent.reporter import THREADS, Reporter
from ibstack.neutron.protocol.replies import HostReport
from one_host import eventually

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ibstack.neutron.protocol.replies import HostPorts

PORT = DesiredPort(
    id="port-1",
    mac="fa:16:3e:00:00:01",
    guid=Guid.from_mac("fa:16:3e:00:00:01"),
    pci=PciAddress.parse("0000:05:00.1"),
    physical_network="ib",
    entry=TableEntry(DEFAULT_PARTITION, full_member=False),
    admin_state_up=True,
    binding=Binding.ACTIVE,
    is_active=False,
    revision=1,
)


@dataclass
class SlowNeutron:
    """Takes reports one by one, when it is let; remembers what it took."""

    taken: list[tuple[str, bool]] = field(default_factory=list)
    asked: int = 0
    away: bool = False
    unknown: frozenset[str] = frozenset()
    keeps_down: tuple[str, ...] = ()
    """The ports that it does not make ACTIVE, and says so."""
    open: threading.Event = field(default_factory=threading.Event)
    overlapped: bool = False
    _at_work: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, port_id: str, times: int) -> bool:
        return self.taken.count((port_id, True)) == times

    def took(self, reports: int) -> bool:
        return len(self.taken) == reports

    def host_ports(self, host: str, etag: str | None = None) -> HostPorts:
        raise TryLater("cannot say")

    def report_host(
        self,
        host: str,
        ready: Collection[str] = (),
        gone: Collection[str] = (),
        failed: Collection[str] = (),
    ) -> HostReport:
        ids = {*ready, *gone}
        with self._lock:
            self.asked += 1
            self.overlapped |= bool(ids & self._at_work)
            self._at_work |= ids
        self.open.wait(20)
        with self._lock:
            self._at_work -= ids
            if self.away:
                raise TryLater("cannot tell Neutron: it is away")
            self.taken += [(one, True) for one in ready] + [(one, False) for one in gone]
            down = {one: ("IB_FABRIC",) for one in self.keeps_down if one in ready}
        return HostReport(self.unknown & ids, down)


@dataclass
class Clock:
    now: float = 0

    def __call__(self) -> float:
        return self.now


@contextmanager
def running(reporter: Reporter) -> Iterator[None]:
    threads = [threading.Thread(target=reporter.run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        reporter.stop()
        for thread in threads:
            thread.join(20)


@pytest.fixture
def neutron() -> SlowNeutron:
    return SlowNeutron()


def test_every_port_is_told_once(neutron: SlowNeutron) -> None:
    ports = [replace(PORT, id=f"port-{number}") for number in range(20)]
    reporter = Reporter("host", neutron, resync_s=1000)
    neutron.open.set()
    with running(reporter):
        for _ in range(10):
            reporter.tell(ports[:10], ports[10:])
        eventually(lambda: len(neutron.taken) >= 20)
        reporter.tell(ports[:10], ports[10:])

    assert sorted(neutron.taken) == sorted((port.id, port in ports[:10]) for port in ports)


def test_a_report_is_made_until_it_is_taken(neutron: SlowNeutron) -> None:
    reporter = Reporter("host", neutron, resync_s=1000)
    neutron.open.set()
    neutron.away = True
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: neutron.asked >= 2)
        neutron.away = False
        eventually(lambda: neutron.taken == [(PORT.id, True)])


def test_what_is_not_known_any_more_is_not_told(neutron: SlowNeutron) -> None:
    reporter = Reporter("host", neutron, resync_s=1000)
    neutron.open.set()
    neutron.away = True
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: neutron.asked >= 1)
        reporter.tell([], [])
        neutron.away = False
        reporter.tell([replace(PORT, id="port-2")], [])
        eventually(lambda: neutron.taken)

    assert neutron.taken == [("port-2", True)]


def test_of_one_port_the_newest_word_arrives_last(neutron: SlowNeutron) -> None:
    reporter = Reporter("host", neutron, resync_s=1000)
    looked = threading.Event()
    reporter.look_again = looked.set
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: neutron.asked == 1)
        reporter.tell([], [PORT])
        neutron.open.set()
        eventually(lambda: len(neutron.taken) == 2)

    assert neutron.taken == [(PORT.id, True), (PORT.id, False)]
    assert not neutron.overlapped
    assert looked.is_set()


def test_a_port_that_neutron_does_not_have_is_asked_for_anew(neutron: SlowNeutron) -> None:
    reporter = Reporter("host", neutron, resync_s=1000)
    looked = threading.Event()
    reporter.look_again = looked.set
    neutron.unknown = frozenset({PORT.id})
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT], [])
        assert looked.wait(20)
        reporter.tell([PORT], [])

    assert neutron.asked == 1


def test_a_port_that_was_not_ready_for_a_moment_is_told_again(neutron: SlowNeutron) -> None:
    reporter = Reporter("host", neutron, resync_s=1000)
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 1)
        reporter.tell([], [])
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 2)


def test_everything_is_told_again_now_and_then(neutron: SlowNeutron) -> None:
    clock = Clock()
    reporter = Reporter("host", neutron, resync_s=300, clock=clock)
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 1)
        clock.now = 301
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 2)


def test_a_port_that_stays_down_is_told_again_until_it_is_active(neutron: SlowNeutron) -> None:
    clock = Clock()
    reporter = Reporter("host", neutron, resync_s=1000, clock=clock)
    neutron.keeps_down = (PORT.id,)
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT, replace(PORT, id="port-2")], [])
        for told, now in enumerate((0, 1, 3, 7), start=1):
            clock.now = now
            reporter.tell([PORT, replace(PORT, id="port-2")], [])
            eventually(partial(neutron.told, PORT.id, told))
        neutron.keeps_down = ()
        clock.now = 15
        reporter.tell([PORT, replace(PORT, id="port-2")], [])
        eventually(lambda: neutron.taken.count((PORT.id, True)) == 5)
        asked = neutron.asked
        clock.now = 900
        reporter.tell([PORT, replace(PORT, id="port-2"), replace(PORT, id="port-3")], [])
        eventually(lambda: ("port-3", True) in neutron.taken)

    assert neutron.asked == asked + 1
    assert neutron.taken.count(("port-2", True)) == 1


def test_it_is_told_again_though_the_loop_has_nothing_to_say(neutron: SlowNeutron) -> None:
    reporter = Reporter("host", neutron, resync_s=1000)
    neutron.keeps_down = (PORT.id,)
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) >= 2)


def test_a_port_that_stays_down_waits_while_neutron_is_away(neutron: SlowNeutron) -> None:
    clock = Clock()
    reporter = Reporter("host", neutron, resync_s=1000, clock=clock)
    neutron.keeps_down = (PORT.id,)
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 1)
        neutron.away = True
        clock.now = 1
        reporter.tell([PORT], [])
        eventually(lambda: neutron.asked == 2)
        neutron.away = False
        clock.now = 2
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 2)


def test_a_port_that_is_not_ready_any_more_is_not_told_again(neutron: SlowNeutron) -> None:
    clock = Clock()
    reporter = Reporter("host", neutron, resync_s=1000, clock=clock)
    neutron.keeps_down = (PORT.id,)
    neutron.open.set()
    with running(reporter):
        reporter.tell([PORT], [])
        eventually(lambda: len(neutron.taken) == 1)
        reporter.tell([], [])
        clock.now = 100
        reporter.tell([replace(PORT, id="port-2")], [])
        eventually(lambda: ("port-2", True) in neutron.taken)

    assert neutron.taken.count((PORT.id, True)) == 1


def test_a_person_is_told_once_what_a_port_waits_for(
    neutron: SlowNeutron, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    reporter = Reporter("host", neutron, resync_s=1000, clock=clock)
    neutron.keeps_down = (PORT.id,)
    neutron.open.set()
    with running(reporter):
        for told in range(1, 8):
            reporter.tell([PORT], [])
            eventually(partial(neutron.took, told))
            clock.now += 30

    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        "cannot make port port-1 ACTIVE: programmed here 30 s ago, and Neutron waits for IB_FABRIC"
        " (ibstack-fabricd of the master subnet manager)"
    )

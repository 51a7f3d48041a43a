# SPDX-License-Identifier: Apache-2.0
"""The shell's commits, drift, services, status and reboots reach hosts by ssh."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster.article import HOSTS, starting_state
from ibstack.cluster.model.inheritance import effective_services
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.rollout.events import Event
from ibstack.cluster.rollout.host_controller import HostController
from ibstack.cluster.rollout.settings import Settings
from ibstack.cluster.rollout.ssh import SshHosts
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import open_store
from ibstack.transport import remote_script
from ibstack.transport.apply_request import ApplyRequest, ApplyResult
from ibstack.transport.transport import Listener
from transport.ssh_fleet import NOW, Fleet, answering, close_fleet, open_fleet

BRIDGE = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
READER = "neutron-linuxbridge-agent"
NODES = ("node001", "node002", "node003")


def change_mappings(interface: str) -> tuple[str, ...]:
    item = f"+{BRIDGE}[linux_bridge]physical_interface_mappings=a:{interface}"
    return (
        "home; category use openstack-compute-hosts; roles; use openstacknode",
        f'set configfilemodifications "{item}"',
    )


class WatchedHosts(SshHosts):
    """Hosts on which somebody else may work just before they are told."""

    before: Callable[[], None] | None = None

    def apply(
        self, orders: Mapping[str, ApplyRequest], listener: Listener | None = None
    ) -> Mapping[str, ApplyResult]:
        work, self.before = self.before, None
        if work is not None:
            work()
        return super().apply(orders, listener)


@dataclass
class Cluster:
    fleet: Fleet
    hosts: WatchedHosts
    reach: HostController
    session: Session
    out: io.StringIO = field(default_factory=io.StringIO)

    def type(self, *lines: str) -> str:
        start = len(self.out.getvalue())
        self.done = all([self.session.run(line) for line in lines])
        return self.out.getvalue()[start:]

    def bridge(self, host: str) -> Path:
        return self.fleet.root(host) / BRIDGE.lstrip("/")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = open_fleet(tmp_path_factory.mktemp("fleet"), HOSTS)
    yield fleet
    close_fleet(fleet)


@pytest.fixture
def cluster(fleet: Fleet, tmp_path: Path) -> Cluster:
    """A shell on hosts that run what they should; their files were never written."""
    state = starting_state()
    fleet.begin_anew()
    for name in HOSTS:
        services = effective_services(state, name)
        fleet.set_units(
            name, {f"{each}.service": {"active": "active", "enabled": True} for each in services}
        )
    store = open_store(f"sqlite:///{tmp_path / 'cluster.db'}", clock=lambda: NOW)
    store.commit([Change(each.path, None, each) for each in state], base=State(), author="install")
    plain = fleet.hosts()
    hosts = WatchedHosts(plain._settings, lambda: NOW, lambda _: None)
    reach = HostController(store, hosts, Settings(images=tmp_path), lambda: NOW)
    out = io.StringIO()
    session = Session(store, COMMANDS, author="root", reach=reach, out=out, clock=lambda: NOW)
    return Cluster(fleet, hosts, reach, session, out)


def test_a_commit_reaches_the_hosts_that_answer_and_names_those_that_do_not(
    cluster: Cluster,
) -> None:
    cluster.fleet.write_config({"node003": "Port 1"})

    said = cluster.type(*change_mappings("eth6"), "commit")

    assert f"[info] node002: create {BRIDGE}\n" in said
    assert f"[notice] node002: Service {READER} was restarted\n" in said
    assert "[error] node003: cannot apply this commit: connection refused\n" in said
    assert not cluster.done
    assert cluster.session.output.failures == 1
    assert b"a:eth6\n" in cluster.bridge("node002").read_bytes()
    assert not cluster.bridge("node003").exists()

    cluster.fleet.write_config({})
    events: list[str] = []
    cluster.reach.apply(["node002", "node003"], lambda event: events.append(str(event)))

    assert b"a:eth6\n" in cluster.bridge("node003").read_bytes()
    assert any(f" node003: create {BRIDGE}" in each for each in events)
    assert not any("[error]" in each for each in events)


@pytest.mark.parametrize("answer", [{}, [], {"files": {}, "services": {}}])
def test_a_host_that_answers_nonsense_is_named_and_the_others_get_theirs(
    cluster: Cluster, answer: object
) -> None:
    cluster.fleet.set_python("node003", answering(remote_script.packed(answer)))

    committed = cluster.type(*change_mappings("eth6"), "commit")
    done = cluster.done
    drift = cluster.type("device drift -n node002,node003")

    assert f"[notice] node002: Service {READER} was restarted\n" in committed
    assert "[error] node003: cannot apply this commit: its answer was garbled: " in committed
    assert not done
    assert "its answer was garbled" in next(
        line for line in drift.splitlines() if line.startswith("node003")
    )
    assert BRIDGE not in drift


def test_a_new_file_of_neutrons_is_nobody_elses(cluster: Cluster) -> None:
    groups = cluster.fleet.root("node002") / "etc/group"
    groups.parent.mkdir(parents=True)
    groups.write_text("neutron:x:1234:\n")

    cluster.type(*change_mappings("eth6"), "commit")

    found = [cluster.bridge(host).stat() for host in ("node002", "node003")]
    assert [(each.st_mode & 0o7777, each.st_uid, each.st_gid) for each in found] == [
        (0o640, 0, 1234),
        (0o600, 0, 0),
    ]


def test_a_reboot_brings_what_a_host_has_missed_and_drift_sees_it(cluster: Cluster) -> None:
    missing = cluster.type("device drift -n node001..node003")
    said = cluster.type("device reboot -n node001..node003")

    assert "missing" in missing
    assert "node[001-003]: Reboot was asked for\n" in said
    assert said.endswith("node[001-003]: UP\n")
    boot = cluster.fleet.root("node001") / "proc/sys/kernel/random/boot_id"
    assert "first boot" not in boot.read_text()
    assert cluster.type("device drift -n node001..node003") == "No drift\n"
    assert cluster.done


def test_somebodys_work_between_the_look_and_the_order_is_kept(cluster: Cluster) -> None:
    place = cluster.bridge("node002")

    def edit() -> None:
        place.parent.mkdir(parents=True)
        place.write_bytes(b"[agent]\nby = hand\n")

    cluster.hosts.before = edit
    said = cluster.type(*change_mappings("eth6"), "commit")

    kept = said.partition("it is kept as ")[2].split("\n")[0]
    copy = cluster.fleet.root("node002") / kept.lstrip("/")
    assert copy.read_bytes() == (b"[agent]\nby = hand\n")
    assert b"a:eth6\n" in place.read_bytes()
    assert cluster.done


def test_what_an_operator_stops_stays_so_when_the_host_starts_again(cluster: Cluster) -> None:
    cluster.type(f"device use node002; services; stop {READER}; home")
    cluster.type("device reboot -n node002")

    said = cluster.type("category use openstack-compute-hosts; services; status; home")

    units = cluster.fleet.units("node002")
    assert units[f"{READER}.service"] == {"active": "inactive", "enabled": False}
    lines = [line for line in said.splitlines() if READER in line]
    assert len(lines) == 2
    assert "STOPPED" in lines[0]
    assert "UP" in lines[1]


def test_a_service_that_does_not_start_is_told(cluster: Cluster) -> None:
    units = cluster.fleet.units("node002")
    units["eswitchd.service"] = {"active": "inactive", "broken": True}
    cluster.fleet.set_units("node002", units)

    said = cluster.type(
        "category use openstack-compute-hosts; services; add eswitchd; set autostart yes; commit"
    )

    assert "[error] node002: cannot start eswitchd: Job for eswitchd.service failed" in said
    assert "[error] node003: cannot start eswitchd: Failed to start eswitchd.service: " in said
    assert not cluster.done


def test_status_tells_who_is_up_and_why_another_is_not(cluster: Cluster) -> None:
    cluster.type(
        "category use openstack-compute-hosts; set kernelparameters intel_iommu=on; commit; home"
    )
    cluster.fleet.write_known_hosts(changed=["node001"])
    cluster.fleet.write_config({"node003": "Port 1"})

    said = cluster.type("device status -f json -n node001..node003; device drift -n node001")

    assert '"UNKNOWN"' in said
    assert "host-key-changed" in said
    assert "restart-required" in said
    assert '"DOWN"' in said
    assert "UNKNOWN: its host key has changed" in said


def test_power_is_refused(cluster: Cluster) -> None:
    said = cluster.type("device power off -n node001")

    assert "cannot switch the power of node001: hosts are reached by ssh only" in said
    assert "[UNKNOWN" not in cluster.type("device power status -n node001")


def test_a_file_whose_reader_cannot_be_restarted_is_told_and_flagged(cluster: Cluster) -> None:
    silent = cluster.fleet.host("node002") / "silent"
    silent.touch()

    plan = cluster.type(*change_mappings("eth6"), "commit --dry-run")
    said = cluster.type("commit")
    done = cluster.done
    status = cluster.type("device status -n node002,node003")

    why = f"cannot restart {READER}, which has not read the new file: cannot look at services: "
    assert f"node002: {why}Failed to connect to bus" in plan
    assert f"[error] node002: {why}Failed to connect to bus" in said
    assert f"[notice] node003: Service {READER} was restarted\n" in said
    assert not done
    assert cluster.session.output.failures == 1
    flagged, well = (line for line in status.splitlines() if line.startswith("node"))
    assert "restart-required" in flagged
    assert "restart-required" not in well


def test_why_a_host_has_to_restart_outlives_its_eswitchd(cluster: Cluster) -> None:
    units = cluster.fleet.units("node002")
    for unit in units.values():
        unit["runtime"] = "ibstack"
    cluster.fleet.set_units("node002", units)

    said = cluster.type(
        *change_mappings("eth6"),
        "home; category use openstack-compute-hosts; set kernelparameters iommu=pt; commit",
    )

    assert f"Service {READER} was restarted" in said
    assert "restart-required" in cluster.type("device status -n node002")


def test_an_older_commit_does_not_come_after_a_newer_one(cluster: Cluster) -> None:
    store, out = cluster.session.store, io.StringIO()

    def overtake() -> None:
        other = Session(
            store, COMMANDS, author="b", reach=cluster.reach, out=out, clock=lambda: NOW
        )
        lines = (*change_mappings("newer"), "commit")
        assert all([other.run(line) for line in lines]), out.getvalue()

    cluster.hosts.before = overtake
    cluster.type(*change_mappings("older"), "commit")

    assert b"a:newer\n" in cluster.bridge("node002").read_bytes()
    assert BRIDGE not in cluster.type("device drift -n node002")
    assert cluster.session.output.failures == 0


def test_a_commit_that_waited_before_it_looked_brings_the_newest(cluster: Cluster) -> None:
    before = cluster.session.store.load()
    cluster.session.hosts._backend = None
    cluster.type(*change_mappings("older"), "commit")
    after = cluster.session.store.load()
    cluster.type(*change_mappings("newer"), "commit")

    cluster.reach.after_commit(before, after, lambda event: None)

    assert b"a:newer\n" in cluster.bridge("node002").read_bytes()


def test_an_older_store_in_the_place_of_a_newer_one_is_told(cluster: Cluster) -> None:
    cluster.type(*change_mappings("eth6"), "commit")
    (cluster.fleet.root("node002") / "run/ibstack-rollout.lock").write_text("900\n")

    said = cluster.type(*change_mappings("eth7"), "commit")

    assert "[error] node002: cannot apply commit 3: the host has had commit 900; if an" in said
    assert b"a:eth6\n" in cluster.bridge("node002").read_bytes()
    assert b"a:eth7\n" in cluster.bridge("node003").read_bytes()
    assert not cluster.done


def test_who_is_done_is_told_while_another_is_waited_for(cluster: Cluster) -> None:
    slow = cluster.fleet.host("node003") / "slow"
    told: list[str] = []

    def tell(event: Event) -> None:
        told.append(str(event))
        if "is waited for" in event.text:
            slow.unlink()

    before = cluster.session.store.load()
    cluster.session.hosts._backend = None
    cluster.type(*change_mappings("eth6"), "commit")
    cluster.hosts.before = slow.touch
    cluster.reach.after_commit(before, cluster.session.store.load(), tell)

    def place(text: str) -> int:
        return next(number for number, line in enumerate(told) if text in line)

    restarted = f"Service {READER} was restarted"
    waited = place("node003: is waited for")
    assert place(f"node002: {restarted}") < waited < place(f"node003: {restarted}")

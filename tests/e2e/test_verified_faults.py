# SPDX-License-Identifier: Apache-2.0
"""Faults of a running cloud, one at a time: `ibstack verify` names each in its first line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ibstack.facts.cloud.openstack_api import OpenstackNetworks
from ibstack.mad import FabricReader, Route
from ibstack.verify.check import State
from ibstack.verify.registry import Scope, verify
from ibstack.verify.report import entries
from ibstack_lab.demo.verified import TRUE_OF_THE_LAB
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.services import accounts
from ibstack_lab.site import read_lab
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from ibstack_lab.cloud import Cloud

    Injection = Callable[[Cloud], AbstractContextManager[None]]

IBSTACK = str(Path(sys.executable).with_name("ibstack"))
MASTER, STANDBY, TENANTS = "head", "node001", "node002"


def failed(cloud: Cloud) -> set[str]:
    return {each.id for each in verify(read_lab(cloud), Scope) if each.state is State.FAILED}


def is_healthy(cloud: Cloud) -> bool:
    return failed(cloud) == TRUE_OF_THE_LAB


def first_line(cloud: Cloud, scope: Scope) -> str:
    return entries(verify(read_lab(cloud), [scope]))[0].line()


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(text)


@contextmanager
def held(cloud: Cloud, process: str) -> Iterator[None]:
    """Keep a daemon from mending what is done meanwhile."""
    cloud.process(process).signal(signal.SIGSTOP)
    try:
        yield
    finally:
        cloud.process(process).signal(signal.SIGCONT)


def standbys_file(old: str, new: str) -> Injection:
    @contextmanager
    def inject(cloud: Cloud) -> Iterator[None]:
        path = cloud.fabric.partitions_conf(STANDBY)
        with held(cloud, f"fabricd-{STANDBY}"), edited(path, old, new):
            yield

    return inject


@contextmanager
def other_proof(cloud: Cloud) -> Iterator[None]:
    """Give the standby the file of another publish: the same, but for the proof key."""
    path = cloud.fabric.partitions_conf(STANDBY)
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("n7ff")]
    digit = "0" if line[4] != "0" else "1"
    with (
        held(cloud, f"fabricd-{STANDBY}"),
        edited(path, line, f"n7ff{digit}=0x7ff{digit}{line[12:]}"),
    ):
        yield


@contextmanager
def unknown_to_the_server(cloud: Cloud) -> Iterator[None]:
    path = cloud.lab.service("neutron") / "neutron.conf"
    with edited(path, "= ibhostnet:1:", "= other:1:"), edited(path, "works = ibhostnet", "works ="):
        yield


@contextmanager
def no_file(cloud: Cloud) -> Iterator[None]:
    path = cloud.fabric.partitions_conf(STANDBY)
    kept = path.with_name("kept")
    with held(cloud, f"fabricd-{STANDBY}"):
        path.rename(kept)
        try:
            yield
        finally:
            kept.rename(path)


def opensm_conf(line: str) -> Injection:
    def inject(cloud: Cloud) -> AbstractContextManager[None]:
        path = cloud.fabric.partitions_conf(STANDBY).with_name("opensm.conf")
        return edited(path, "max_wire_smps", f"{line}\nmax_wire_smps")

    return inject


def hosts_file(host: str, name: str, old: str, new: str) -> Injection:
    return lambda cloud: edited(cloud.lab.host(host) / "etc" / name, old, new)


def servers_file(old: str, new: str) -> Injection:
    return lambda cloud: edited(cloud.lab.service("neutron") / "neutron.conf", old, new)


def table(entries: Mapping[int, int]) -> Injection:
    """Write the table of the tenants' host behind OpenSM's back, and then as it was."""

    @contextmanager
    def inject(cloud: Cloud) -> Iterator[None]:
        guid = cloud.topology.host(TENANTS).port_guid
        with held(cloud, f"fabricd-{MASTER}"), closing(Attachment(cloud.fabric, MASTER)) as line:
            reader = FabricReader(line)
            route = Route(reader.discover().ports[guid].route)
            before = {}
            for index in entries:
                block = reader.read_block(route, index // 32)
                assert isinstance(block, tuple)
                entry = block[index % 32]
                before[index] = entry.to_wire() if entry else 0
            write_entries(line, reader, guid, entries)
            try:
                yield
            finally:
                write_entries(line, reader, guid, before)

    return inject


def stopped(process: str) -> Injection:
    @contextmanager
    def inject(cloud: Cloud) -> Iterator[None]:
        cloud.process(process).stop()
        try:
            yield
        finally:
            if process.startswith("opensm-"):
                cloud.fabric.start_subnet_manager(process.removeprefix("opensm-"))
            else:
                cloud.process(process).start()
                # It has read its file by then, which the next fault may edit.
                wait_for(f"{process} answers", lambda: "eswitchd-alive" not in failed(cloud))

    return inject


@contextmanager
def agent_off(cloud: Cloud) -> Iterator[None]:
    operator = cloud.api(accounts.OPERATOR)
    agents = operator.list("agents")
    (agent,) = [a for a in agents if (a["binary"], a["host"]) == ("ibstack-agent", TENANTS)]
    operator.update("agents", agent["id"], admin_state_up=False)
    try:
        yield
    finally:
        operator.update("agents", agent["id"], admin_state_up=True)


@contextmanager
def nova_without_admin(cloud: Cloud) -> Iterator[None]:
    services = cloud.services()
    keystone = services.keystone.auth_url
    signed_in = accounts.session(accounts.OPERATOR, keystone, services.password)

    def found(kind: str, name: str) -> str:
        answer = signed_in.get(f"{keystone}/{kind}", params={"name": name}).json()
        return str(answer[kind][0]["id"])

    user, project = found("users", "nova"), found("projects", "service")
    role = f"{keystone}/projects/{project}/users/{user}/roles/{found('roles', 'admin')}"
    signed_in.delete(role)
    try:
        yield
    finally:
        signed_in.put(role)


FULL = {index: 0x8100 + index for index in range(3, 64)}
FAULTS: dict[str, tuple[Scope, Injection, str]] = {
    "no partitions file": (
        Scope.FABRIC,
        no_file,
        "node001: not true that the subnet manager has a partitions file: found there is no such",
    ),
    "a line that OpenSM refuses": (
        Scope.FABRIC,
        standbys_file("# End.", "all=0x11: all;\n# End."),
        "node001: not true that OpenSM reads the partitions file as it was meant: found",
    ),
    "everybody full in the default partition": (
        Scope.FABRIC,
        standbys_file("ALL=limited", "ALL=full"),
        "node001: not true that ports are limited members of the default partition: found ALL=full",
    ),
    "a file edited by hand": (
        Scope.FABRIC,
        standbys_file("# End.", "# Storage.\n# End."),
        "node001: not true that the partitions file is as ibstack-fabricd wrote it: found",
    ),
    "a standby with another proof key": (
        Scope.FABRIC,
        other_proof,
        "node001: not true that every subnet manager has the same partitions file: found sha256",
    ),
    "a standby that takes long": (
        Scope.FABRIC,
        opensm_conf("polling_retry_number 200"),
        "node001: not true that a standby takes over soon: found 50.25 s (250 ms, 200 more tries)",
    ),
    "OpenSM told not to enforce": (
        Scope.FABRIC,
        opensm_conf("part_enforce off"),
        "node001: not true that switches check partition keys at the ports of hosts: found"
        " part_enforce off",
    ),
    "a tenants' host that is full member of the default partition": (
        Scope.FABRIC,
        table({5: 0xFFFF}),
        "node002 port 0x0002c90300000031: not true that no port is a full member of the default",
    ),
    "an empty index 0": (
        Scope.FABRIC,
        table({0: 0, 5: 0x7FFF}),
        "node002 port 0x0002c90300000031: not true that index 0 of the port's table holds a key",
    ),
    "a key behind OpenSM's back": (
        Scope.FABRIC,
        table({5: 0x9234}),
        "node002 port 3 of switch 0x0002c902f0000100: not true that the switch enforces the keys"
        " that the port behind it holds: found stops 0x9234",
    ),
    "a full table": (
        Scope.FABRIC,
        table(FULL),
        "node002 port 0x0002c90300000031: not true that the port's table has room for further",
    ),
    "no standby": (
        Scope.FABRIC,
        stopped(f"opensm-{STANDBY}"),
        "not true that one subnet manager is master, and another stands by: found 1 master, 0 st",
    ),
    "eswitchd does not run": (
        Scope.HOST,
        stopped(f"eswitchd-{TENANTS}"),
        "node002: not true that ibstack-eswitchd answers, and serves the adapter: found cannot ask",
    ),
    "an adapter that eswitchd does not serve": (
        Scope.HOST,
        hosts_file(TENANTS, "eswitchd.conf", "ibhostnet:ib0", "ibhostnet:ib7"),
        "node002 interface ib7 of ibhostnet: not true that ibstack-eswitchd answers, and serves",
    ),
    "an agent that is switched off": (
        Scope.CLOUD,
        agent_off,
        "node002 agent ibstack-agent: not true that the agent is alive: found admin state down",
    ),
    "an MTU that IPoIB does not carry": (
        Scope.CLOUD,
        servers_file("ibhostnet:2044", "ibhostnet:1500"),
        "controller physical network ibhostnet: not true that networks get the MTU that IPoIB",
    ),
    "a physical network that the server does not know": (
        Scope.CLOUD,
        unknown_to_the_server,
        "head,node001 agent ibstack-fabricd: not true that the physical network that the agent",
    ),
    "keys that are not fabricd's": (
        Scope.CLOUD,
        hosts_file(MASTER, "fabricd.conf", "[fabric]", "[fabric]\nowned_keys = 0x0001-0x0010"),
        "controller physical network ibhostnet: not true that the keys that Neutron gives out are",
    ),
    "a server without the driver": (
        Scope.CLOUD,
        servers_file("mechanism_drivers = infiniband", "mechanism_drivers = logger"),
        "controller: not true that the server has ibstack's mechanism driver: found logger",
    ),
    "a server that does not tell nova": (
        Scope.CLOUD,
        servers_file("[nova]\nauth_type = password", "[nova]\n# auth_type = password"),
        "controller: not true that Neutron tells nova when a port is ready: found no [nova] auth_t",
    ),
    "nova's user without admin": (
        Scope.CLOUD,
        nova_without_admin,
        "user nova: not true that nova's user and the one of Neutron's [nova] section have the ro",
    ),
    "a DHCP agent with Neutron's own driver": (
        Scope.CLOUD,
        hosts_file("node001", "dhcp_agent.conf", "dhcp_driver = ibstack", "dhcp_driver = neutron"),
        "node001: not true that the DHCP agent serves InfiniBand networks: found interface_driver",
    ),
}


def test_in_a_healthy_lab_nothing_fails_but_what_is_so(cloud: Cloud) -> None:
    wait_for("the lab is healthy", lambda: is_healthy(cloud))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_in_the_first_line(cloud: Cloud, fault: str) -> None:
    scope, inject, line = FAULTS[fault]
    with ExitStack() as stack:
        stack.enter_context(inject(cloud))
        # What a daemon has to notice takes a moment.
        wait_for(fault, lambda: first_line(cloud, scope).startswith(f"failed: {line}"), 10)


def test_after_the_faults_the_lab_is_healthy_again(cloud: Cloud) -> None:
    wait_for("the lab is healthy", lambda: is_healthy(cloud))


def test_the_command_says_the_same_of_a_lab_and_of_what_was_written(
    cloud: Cloud, tmp_path: Path
) -> None:
    there = run("--lab", str(cloud.lab.root), "--write", str(tmp_path), "-f", "json")
    then = run("--from", str(tmp_path), "-f", "json")

    assert (there.returncode, then.returncode) == (3, 3)
    assert json.loads(then.stdout) == json.loads(there.stdout)
    assert "password = (hidden)" in (tmp_path / "controller/etc/neutron/neutron.conf").read_text()


def test_a_list_that_neutron_cuts_is_read_to_its_end(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neutron cuts a list for who asks for a *limit* as pagination_max_limit makes it for all."""
    for name, value in cloud.client_env(accounts.OPERATOR).items():
        monkeypatch.setenv(name, value)
    whole = {agent["id"] for agent in cloud.api(accounts.OPERATOR).list("agents")}

    read = [agent["id"] for agent in OpenstackNetworks().list("agents", limit="2")]

    assert len(read) > 2
    assert (len(read), set(read)) == (len(whole), whole)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [IBSTACK, "verify", "--all", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

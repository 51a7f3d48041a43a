# SPDX-License-Identifier: Apache-2.0
"""Guests with each DHCP client, the commands for guests, and who is named for asking wrongly."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from guest_fleet import Dhcp, Fleet
from ibstack.fabric.errors import BadInput, TryLater
from ibstack_lab.compute import Compute
from ibstack_lab.guests.dhcp_clients import DhcpClient
from ibstack_lab.guests.heard_requests import HeardRequest, HeardRequests
from ibstack_lab.guests.namespaces import NAMED
from ibstack_lab.services import accounts
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.guests.guest import Guest

IBSTACK: Final = str(Path(sys.executable).with_name("ibstack"))
LEGACY: Final = "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:00:be:ef"
LIMIT_S: Final = 60.0

pytestmark = pytest.mark.timeout(600)


class OneNetwork:
    """A network with DHCP, and machines on it that the test boots."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud = cloud
        self.name = name
        self.compute = Compute(cloud)
        self.booted: list[str] = []

    def boot(
        self, name: str, client: DhcpClient, client_id: str | None = None, host: str = "node003"
    ) -> Guest:
        machine, _ = self.compute.boot(
            name, self.name, host, accounts.DEMO, dhcp_client=client, client_id=client_id
        )
        self.booted.append(name)
        return self.compute.guest(machine)

    def remove(self) -> None:
        for name in self.booted:
            with suppress(BadInput):  # It was deleted by the test.
                self.compute.delete(name)

    def named(self) -> list[str]:
        """What the lab's `ibstack dhcp watch` has said of this network."""
        network = self.cloud.api(accounts.OPERATOR).find("networks", self.name)["id"]
        log = self.cloud.lab.known("dhcp-watch-node001").log
        return [line for line in log.read_text().splitlines() if network in line]

    def cli(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        verb, *rest = arguments
        return subprocess.run(
            (IBSTACK, "lab", verb, "--lab", str(self.cloud.lab.root), *rest),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=LIMIT_S * 2,
            check=False,
        )


@pytest.fixture(scope="module")
def net(cloud: Cloud) -> Iterator[OneNetwork]:
    fleet = Fleet(cloud)
    net = OneNetwork(cloud, fleet.network(0x2A1)["name"])
    try:
        yield net
    finally:
        net.remove()
        fleet.remove()


@pytest.fixture(scope="module")
def vm(net: OneNetwork) -> Guest:
    guest = net.boot("vm", DhcpClient.NETWORKD)
    guest.wait_for_address()
    return guest


@pytest.mark.parametrize("client", [DhcpClient.NETWORKD, DhcpClient.NETWORK_MANAGER])
def test_a_client_that_is_killed_and_started_again_has_the_same_address(
    net: OneNetwork, client: DhcpClient
) -> None:
    name = f"again-{client.value}"
    guest = net.boot(name, client)
    address = guest.wait_for_address()
    process = net.cloud.lab.known(guest.client_name)
    pid = process.pid()
    said = guest.exchange()

    process.signal(signal.SIGKILL)
    wait_for("the client is dead", lambda: not process.running(), LIMIT_S)
    guest.run(("ip", "-4", "address", "flush", "dev", "ib0"))
    guest.start_client()

    assert guest.wait_for_address() == address
    assert process.pid() != pid
    assert address in guest.exchange().removeprefix(said)
    net.compute.delete(name)
    assert not process.running()
    assert guest.namespace not in net.cloud.namespaces.all()
    assert net.named() == []


class TestAGuestThatAsksWithAnotherIdentifier:
    @pytest.fixture(scope="class")
    def said(self, net: OneNetwork) -> str:
        asks = ("--dhcp-client", "nm", "--client-id", LEGACY)
        arguments = ("--network", net.name, "--host", "node002", *asks)
        net.booted.append("wrong")

        done = net.cli("boot", "wrong", *arguments)

        assert done.returncode == TryLater.exit_code
        assert done.stdout == ""
        return done.stderr

    def test_gets_no_address_and_the_boot_names_both_identifiers(
        self, net: OneNetwork, said: str
    ) -> None:
        machine = net.compute.machine("wrong")

        assert net.compute.guest(machine).address() is None
        assert "waiting for its address" in said
        assert f"it asks with client-id {LEGACY}" in said
        assert f"its port is known by client-id {machine.client_id}" in said

    @pytest.mark.usefixtures("said")
    def test_is_named_once_by_the_watch_with_what_was_expected(self, net: OneNetwork) -> None:
        expected = net.compute.machine("wrong").client_id

        def named() -> list[str]:
            return [line for line in net.named() if LEGACY in line]

        wait_for("it is named", lambda: bool(named()), LIMIT_S)

        (line,) = named()
        assert f"it asks with client-id {LEGACY};" in line
        assert f"client-id {expected}" in line


def test_networkd_left_alone_asks_with_its_own_identifier_and_is_named(net: OneNetwork) -> None:
    guest = net.boot("alone", DhcpClient.NETWORKD_ALONE)

    wait_for("it is named", lambda: any("ab:11:00" in line for line in net.named()), LIMIT_S)

    assert guest.address() is None
    process = net.cloud.lab.known(guest.client_name)
    pid = process.pid()
    assert pid is not None
    assert "systemd-network" in Path(f"/proc/{pid}/cmdline").read_text()
    assert str(net.cloud.lab.root) not in Path("/proc/self/mounts").read_text()
    net.compute.delete("alone")
    assert not process.running()


def test_networkd_is_not_told_what_to_ask_with(net: OneNetwork) -> None:
    with pytest.raises(BadInput, match="cannot have networkd ask with client-id 20:00"):
        net.boot("none", DhcpClient.NETWORKD, "20:00")

    assert "none" not in [machine.name for machine in net.compute.machines()]


@pytest.mark.parametrize("client", [DhcpClient.NETWORKD, DhcpClient.NETWORK_MANAGER])
def test_the_dhcp_server_hears_what_it_hears_on_infiniband(
    net: OneNetwork, client: DhcpClient
) -> None:
    name = f"heard-{client.value}"
    network = net.cloud.api(accounts.OPERATOR).find("networks", net.name)
    dhcp = Dhcp(net.cloud, network)
    wait_for("DHCP is served", dhcp.serves, LIMIT_S)
    (interface,) = dhcp.interfaces()
    heard = HeardRequests(NAMED / dhcp.namespace, interface)

    guest = net.boot(name, client)
    address = guest.wait_for_address()

    expected = bytes.fromhex((net.compute.machine(name).client_id or "").replace(":", ""))
    request = heard.first(expected)
    heard.close()
    assert request == HeardRequest(32, 0, bytes(16), broadcast=True, client_id=expected)
    # dnsmasq notes the type of an address that it was not shown, and knows the guest by the rest.
    assert dhcp.leases()[expected.hex(":")] == address
    net.compute.delete(name)


class TestCommandsInAGuest:
    @pytest.mark.usefixtures("vm")
    def test_the_exit_code_is_the_commands(self, net: OneNetwork) -> None:
        assert net.cli("exec", "vm", "--", "sh", "-c", "exit 7").returncode == 7

    @pytest.mark.usefixtures("vm")
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("vm", "--", "nosuch"), "cannot run 'nosuch' in vm: there is no such command"),
            (("vm",), "cannot run nothing in vm: give a command"),
            (("vm", "-x"), "options of `ibstack lab exec` come before the name"),
            (("nobody", "--", "true"), "cannot find machine 'nobody': there are: "),
        ],
    )
    def test_what_cannot_be_run_is_said_in_a_sentence(
        self, net: OneNetwork, arguments: tuple[str, ...], said: str
    ) -> None:
        done = net.cli("exec", *arguments)

        assert done.returncode == BadInput.exit_code
        assert said in done.stderr
        assert done.stderr.count("\n") == 1

    @pytest.mark.usefixtures("vm")
    def test_nothing_of_a_host_is_in_a_guest(self, net: OneNetwork) -> None:
        host = {"SIM_HOST": "node002", "IBSTACK_ESWITCHD_SOCKET": "/nowhere"}

        done = net.cli("exec", "vm", "--", "env", **host)

        assert not host.keys() & {line.partition("=")[0] for line in done.stdout.splitlines()}

    def test_the_console_shows_the_exchange(self, net: OneNetwork, vm: Guest) -> None:
        done = net.cli("console", "vm")

        assert "ib0: DHCPv4 client: DISCOVER\n" in done.stdout
        assert f"ib0: DHCPv4 address {vm.address()}/22" in done.stdout

    @pytest.mark.usefixtures("vm")
    def test_a_shell_outlives_ctrl_c_and_its_exit_code_is_passed_on(self, net: OneNetwork) -> None:
        argv = (IBSTACK, "lab", "ssh", "--lab", str(net.cloud.lab.root), "vm")
        with Terminal(argv) as terminal:
            terminal.read_until(r"a shell in vm, whose address is 10\.")
            # A program of its own has no moment in which it misses a Ctrl-C.
            terminal.type("sh -c 'echo rea\"\"dy; exec sleep 1000'\n")
            terminal.read_until("ready")
            terminal.type("\x03")
            # What is typed before the shell asks again, the terminal throws away with the rest.
            terminal.read_until(r"\^C\s+[#$] $")
            terminal.type("ip -o -4 address show ib0; exit 5\n")
            terminal.read_until(r"inet 10\.")

            assert terminal.exit_code() == 5

    def test_a_machine_without_its_guest_is_said_to_be_one(self, net: OneNetwork) -> None:
        guest = net.boot("gone", DhcpClient.NETWORKD)
        guest.stop()

        for verb in (("exec", "gone", "--", "true"), ("ssh", "gone")):
            done = net.cli(*verb)
            assert done.returncode == TryLater.exit_code
            assert "cannot reach gone: its guest has gone" in done.stderr


class Terminal:
    """A program that believes it speaks to a person."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            # Whoever runs the tests in the background has it ignored, and that is inherited.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(argv[0], argv, {**os.environ, "SHELL": "/bin/sh"})
        self._seen = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def read_until(self, pattern: str) -> None:
        self._read(lambda: bool(re.search(pattern, self._seen)), pattern)

    def exit_code(self) -> int:
        self._read(lambda: False, "its end")
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self, enough: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not enough():
            ready, _, _ = select.select([self._master], [], [], deadline - time.monotonic())
            assert ready, f"{what} does not come; it said: {self._seen}"
            try:
                self._seen += os.read(self._master, 4096).decode(errors="replace")
            except OSError:
                assert what == "its end", f"it ended: {self._seen}"
                return

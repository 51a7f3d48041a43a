# SPDX-License-Identifier: Apache-2.0
"""ebrctl as nova runs it: a process, its exit code, and what it says."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ibstack.host.client.observed import AttachmentState
from one_adapter import MACS, RED, Variant
from one_daemon import Daemon, until

if TYPE_CHECKING:
    from collections.abc import Iterator

MAC = MACS[0]
INSTANCE = "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10"


@pytest.fixture(params=[Variant.MLX4, Variant.MLX5_FILES], ids=lambda variant: variant.value)
def daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    with Daemon(request.param) as running:
        yield running


def add(
    daemon: Daemon, *more: str, mac: str = MAC, net: str = "ibhostnet", pci: str = ""
) -> list[str]:
    return ["add-port", mac, INSTANCE, net, "ib_hostdev", pci or str(daemon.pci(1)), *more]


class Configurer(threading.Thread):
    """Configures whatever is attached, as the agent does."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self.stopping = False

    def run(self) -> None:
        sequence = 0
        while not self.stopping:
            sequence = self._daemon.client.watch(sequence, wait_s=0.2)
            for each in self._daemon.client.read().attachments:
                if each.state is AttachmentState.PENDING:
                    self._daemon.client.configure(each.pci, each.mac, RED, link_up=True)


@pytest.fixture
def agent(daemon: Daemon) -> Iterator[Configurer]:
    running = Configurer(daemon)
    running.start()
    yield running
    running.stopping = True
    running.join(10)


def test_it_returns_when_the_function_is_programmed(daemon: Daemon, agent: Configurer) -> None:
    done = daemon.ebrctl(*add(daemon))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (attachment,) = daemon.client.read().attachments
    assert attachment.state is AttachmentState.PROGRAMMED


def test_it_imports_next_to_nothing() -> None:
    script = "import sys, ibstack.host.client.ebrctl; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    heavy = {"argparse", "logging", "dataclasses", "pathlib", "subprocess", "typing", "threading"}
    assert not heavy & set(loaded)
    assert not [name for name in loaded if name.startswith("ibstack.fabric")]


def test_a_port_that_nobody_configures_yet_is_pending_and_stays(daemon: Daemon) -> None:
    done = daemon.ebrctl(*add(daemon, "--wait", "0.1"))

    assert done.returncode == 4
    assert done.stderr.startswith(f"ebrctl: cannot finish VF {daemon.pci(1)} for {MAC} yet: ")
    assert "ibstack-agent does that when Neutron" in done.stderr
    assert len(daemon.client.read().attachments) == 1


def test_taking_a_port_away_clears_it_and_may_be_repeated(daemon: Daemon) -> None:
    daemon.ebrctl(*add(daemon, "--wait", "0"))

    assert daemon.ebrctl("del-port", "ibhostnet", MAC).returncode == 0
    assert daemon.client.read().attachments == ()
    assert daemon.ebrctl("del-port", "ibhostnet", MAC).returncode == 0


BAD_INPUT = {
    "no words": [],
    "another verb": ["frobnicate"],
    "a word too few": ["add-port", MAC, INSTANCE, "ibhostnet", "ib_hostdev"],
    "a word too many": ["del-port", "ibhostnet", MAC, "more"],
    "another vnic type": ["add-port", MAC, INSTANCE, "ibhostnet", "macvtap", "0000:05:00.2"],
    "an unknown fabric": ["add-port", MAC, INSTANCE, "nonet", "ib_hostdev", "0000:05:00.2"],
    "an unknown fabric to leave": ["del-port", "nonet", MAC],
    "no MAC": ["add-port", "nonsense", INSTANCE, "ibhostnet", "ib_hostdev", "0000:05:00.2"],
    "no PCI address": ["add-port", MAC, INSTANCE, "ibhostnet", "ib_hostdev", "05:00"],
    "no VF": ["add-port", MAC, INSTANCE, "ibhostnet", "ib_hostdev", "0000:06:00.1"],
    "a wait that is none": ["del-port", "ibhostnet", MAC, "--wait", "long"],
    "a wait too long": ["del-port", "ibhostnet", MAC, "--wait", "301"],
    "a wait without a number": ["del-port", "ibhostnet", MAC, "--wait"],
    "bytes that are no text": ["add-port", "\udcff", INSTANCE, "ibhostnet", "ib_hostdev", "x"],
}


@pytest.mark.parametrize("words", BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_said_to_be_so(served: Daemon, words: list[str]) -> None:
    done = served.ebrctl(*words)

    assert done.returncode == 2
    assert done.stderr.startswith("ebrctl: cannot " if words else "usage: ebrctl ")
    assert served.client.read().attachments == ()


@pytest.fixture(scope="module")
def served() -> Iterator[Daemon]:
    with Daemon(Variant.MLX4) as running:
        yield running


def test_a_function_that_is_taken_is_refused(daemon: Daemon) -> None:
    daemon.client.attach("ibhostnet", MAC, daemon.pci(1))
    done = daemon.ebrctl(*add(daemon, mac=MACS[1]))

    assert done.returncode == 1
    assert f"attached to {MAC} on ibhostnet; detach that first" in done.stderr


def test_it_asks_again_while_the_daemon_is_away(daemon: Daemon, agent: Configurer) -> None:
    agent.stopping = True
    agent.join(10)
    daemon.kill()
    codes: list[int] = []
    plugging = threading.Thread(target=lambda: codes.append(daemon.ebrctl(*add(daemon)).returncode))
    plugging.start()
    daemon.run()
    until(lambda: daemon.client.read().attachments)
    daemon.kill()  # While ebrctl waits for the function to be programmed.
    daemon.run()
    daemon.client.configure(daemon.pci(1), MAC, RED, link_up=True)
    plugging.join(60)

    assert codes == [0]


def test_a_daemon_that_does_not_come_back_is_a_failure_with_a_remedy(daemon: Daemon) -> None:
    daemon.kill()
    done = daemon.ebrctl(*add(daemon, "--wait", "0.3"))

    assert done.returncode == 1
    assert "cannot ask ibstack-eswitchd at" in done.stderr
    assert "check that the service ibstack-eswitchd runs" in done.stderr


def test_help_shows_an_example(served: Daemon) -> None:
    done = served.ebrctl("--help")

    assert done.returncode == 0
    assert "example: ebrctl add-port fa:16:3e:aa:bb:cc" in done.stdout

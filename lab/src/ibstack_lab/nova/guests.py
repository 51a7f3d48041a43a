# SPDX-License-Identifier: Apache-2.0
"""Starts the lab's guest of each VF on which a domain runs, and ends it: what QEMU is on a host.

    python -m ibstack_lab.nova.guests --lab DIR

`hosts/<host>/guests/<pci>` names the domain whose guest's driver runs there: the hypervisor writes
and removes it.  `hosts/<host>/guests-up/<pci>` is there from before the guest's start until nothing
of it is left: the hypervisor waits for that before it gives the VF away.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack_lab.cloud import Cloud
from ibstack_lab.compute import Compute
from ibstack_lab.machine import Machine
from ibstack_lab.services import accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOG = logging.getLogger(__name__)

_TICK_S: Final = 0.05
_PORT_WITHIN_S: Final = 30.0
_ASK_EVERY_S: Final = 0.3
_AGAIN_AFTER_S: Final = 1.0


@dataclass
class _Running:
    """What is done for one VF: by a process of its own, which can be ended half way."""

    uuid: str
    child: int
    is_ending: bool = False


class Guests:
    """The guests of all hosts' VFs."""

    def __init__(
        self, hosts: Path, start: Callable[[Path, str], None], stop: Callable[[Path], None]
    ) -> None:
        """*hosts*: the folder `hosts` of the lab.

        *start* is given the guest's own file and its domain, *stop* the file: both run in a child.
        """
        self._hosts = hosts
        self._start = start
        self._stop = stop
        self._running: dict[Path, _Running] = {}

    def tick(self) -> None:
        """Start what a driver runs for, end what none runs for any more."""
        drivers = self._drivers()
        for up in {*self._all_up(), *drivers} - self._running.keys():
            if up.exists():
                self._end(up, "")  # Of a `guests` that was killed: begin again.
            elif self._claim(up):
                self._running[up] = _Running(drivers[up], self._fork(self._start, up, drivers[up]))
        for up, running in list(self._running.items()):
            self._look_after(up, running, drivers.get(up))

    def _look_after(self, up: Path, running: _Running, wanted: str | None) -> None:
        child, status = os.waitpid(running.child, os.WNOHANG) if running.child else (0, 0)
        if child:
            running.child = 0
        if running.is_ending and child and status:
            self._end(up, running.uuid)  # Again: nobody may have the VF before.
        elif running.is_ending and child:
            up.unlink(missing_ok=True)
            del self._running[up]
        elif not running.is_ending and wanted != running.uuid:
            if running.child:
                os.kill(running.child, signal.SIGKILL)
                os.waitpid(running.child, 0)
            self._end(up, running.uuid)

    def _end(self, up: Path, uuid: str) -> None:
        self._running[up] = _Running(uuid, self._fork(self._stop, up), is_ending=True)

    def _claim(self, up: Path) -> bool:
        """Say that a guest is about to be; whether its driver runs still after that."""
        up.parent.mkdir(exist_ok=True)
        up.write_text("{}\n")
        if (up.parent.with_name("guests") / up.name).exists():
            return True
        up.unlink()
        return False

    def _drivers(self) -> dict[Path, str]:
        """Return domains by the file that their guest has, or is to have."""
        found = {}
        for marker in self._hosts.glob("*/guests/*"):
            if not marker.name.startswith("."):
                with suppress(FileNotFoundError):
                    up = marker.parent.with_name("guests-up") / marker.name
                    found[up] = marker.read_text().strip()
        return found

    def _all_up(self) -> list[Path]:
        return [up for up in self._hosts.glob("*/guests-up/*") if not up.name.startswith(".")]

    @staticmethod
    def _fork(do: Callable[..., None], *arguments: object) -> int:
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            do(*arguments)
            code = 0
        except IbstackError as error:
            LOG.warning("%s", error)
        except Exception:
            LOG.exception("cannot go on with a guest")
        finally:
            if code:
                time.sleep(_AGAIN_AFTER_S)
            os._exit(code)


class LabGuests:
    """What is done for one VF: with Neutron's word for whose port it carries."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def start(self, up: Path, uuid: str) -> None:
        compute = Compute(self._cloud)
        machine = self._machine(up, uuid)
        fresh = up.with_name(f".{up.name}.new")
        fresh.write_text(json.dumps(asdict(machine)) + "\n")
        fresh.replace(up)
        compute.start_guest(machine)
        LOG.info("%s of domain %s runs on %s of %s", machine.name, uuid, machine.pci, machine.host)

    def stop(self, up: Path) -> None:
        fields = json.loads(up.read_text() or "{}")
        if fields:
            machine = Machine(**fields)
            Compute(self._cloud).guest(machine).stop()
            LOG.info("%s on %s of %s has ended", machine.name, machine.pci, machine.host)

    def _machine(self, up: Path, uuid: str) -> Machine:
        """Return the machine whose port Neutron has on that VF, as soon as it has."""
        neutron = self._cloud.api(accounts.NOVA)
        host = up.parents[1].name
        deadline = time.monotonic() + _PORT_WITHIN_S
        while time.monotonic() < deadline:
            for port in neutron.list("ports", device_id=uuid):
                machine = Machine.of(port)
                if (machine.host, machine.pci) == (host, up.name):
                    return machine
            time.sleep(_ASK_EVERY_S)
        raise TryLater(
            f"cannot start the guest of domain {uuid}: Neutron has no port of it on {up.name} of"
            f" {host} after {_PORT_WITHIN_S:g} s"
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ibstack_lab.nova.guests", description=__doc__)
    parser.add_argument("--lab", type=Path, required=True, help="the lab's folder")
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    lab = LabGuests(Cloud(options.lab))
    guests = Guests(options.lab / "hosts", lab.start, lab.stop)
    while not stopping.wait(_TICK_S):
        guests.tick()
    return 0


if __name__ == "__main__":
    sys.exit(main())

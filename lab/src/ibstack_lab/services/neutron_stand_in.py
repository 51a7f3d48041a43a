# SPDX-License-Identifier: Apache-2.0
"""Neutron as an agent sees it, without Neutron: ports, bindings, and the two host calls.

For tests and measurements of the host's side alone.  It keeps state, answers in the wire format of
docs/reference/protocols.md, and shows what the real one shows: an etag, a revision, and statuses
that only a report changes.  Both hold tests/neutron_contract.py.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.neutron.protocol import replies

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

BETWEEN: Final = "BETWEEN"


@dataclass(frozen=True, slots=True)
class StandInPort:
    """A port as the database has it."""

    id: str
    mac: str
    entry: str
    """16 bits, such as 0x8001."""
    physical_network: str
    host: str = ""
    """Empty: not bound."""
    pci: str | None = None
    admin_state_up: bool = True
    status: str = "DOWN"
    binding: str = "ACTIVE"
    """ACTIVE, INACTIVE, or BETWEEN: unbound, to be bound anew at once."""
    revision: int = 1
    device_id: str = ""


class NeutronStandIn:
    """Safe to use from several threads."""

    def __init__(self, hint: Callable[[str], None] = lambda host: None) -> None:
        """*hint* is called with the name of each host that a change concerns."""
        self._hint = hint
        self._lock = threading.Lock()
        self._ports: dict[str, StandInPort] = {}
        self.reachable = True
        self.questions = 0
        """How often it was asked for a host's ports."""
        self.reports = 0
        """How many reports it took."""
        self.told_nova: list[str] = []
        """The ports whose plug at the destination of a live migration nova was told of."""

    # What the API's users do.

    def create(self, port: StandInPort) -> None:
        """Create a port; one with a host is bound at once."""
        with self._lock:
            self._ports[port.id] = port
        self._hint(port.host)

    def change(self, port_id: str, **changes: object) -> None:
        """Change a port, as an update of it does: a port that is bound elsewhere goes DOWN."""
        with self._lock:
            before = self._ports[port_id]
            after = replace(before, revision=before.revision + 1, **changes)  # type: ignore[arg-type]
            if (after.host, after.pci) != (before.host, before.pci) and "status" not in changes:
                after = replace(after, status="DOWN")
            self._ports[port_id] = after
        for host in {before.host, after.host}:
            self._hint(host)

    def delete(self, port_id: str) -> None:
        with self._lock:
            gone = self._ports.pop(port_id)
        self._hint(gone.host)

    def status(self, port_id: str) -> str | None:
        """Return the port's status, None where there is no such port."""
        with self._lock:
            port = self._ports.get(port_id)
            return port.status if port else None

    # What its agents call.

    def host_ports(self, host: str, etag: str | None = None) -> replies.HostPorts:
        """Return what *host* should have; ports None where nothing is new since *etag*."""
        doing = f"ask the stand-in for the ports of host {host}"
        return replies.read_host_ports(self.host_ports_on_the_wire(host, etag), doing)

    def host_ports_on_the_wire(self, host: str, etag: str | None) -> dict[str, object]:
        """Return the same as it goes over the broker."""
        self._answer()
        with self._lock:
            self.questions += 1
            here = [port for _, port in sorted(self._ports.items()) if port.host == host]
        told = {
            "ports": [_row(port) for port in here if port.binding != BETWEEN],
            "rebinding": [_row(port) for port in here if port.binding == BETWEEN],
        }
        text = json.dumps(told)
        now = hashlib.sha256(text.encode()).hexdigest()
        return {"etag": now, **({"ports": None} if now == etag else json.loads(text))}

    def report_host(
        self,
        host: str,
        ready: Collection[str] = (),
        gone: Collection[str] = (),
        failed: Collection[str] = (),
    ) -> replies.HostReport:
        """Make ports ACTIVE, DOWN or ERROR."""
        raw = self.report_host_on_the_wire(host, ready, gone, failed)
        return replies.read_host_report(raw, f"tell the stand-in about the ports of host {host}")

    def report_host_on_the_wire(
        self,
        host: str,
        ready: Collection[str],
        gone: Collection[str],
        failed: Collection[str] = (),
    ) -> dict[str, object]:
        """Do the same; return the answer as it goes over the broker."""
        self._answer()
        with self._lock:
            self.reports += 1
            here = {port.id: port for port in self._ports.values() if port.host == host}
            for port_id in here.keys() & {*ready, *gone}:
                self._take(here[port_id], is_ready=port_id in ready)
            for port_id in here.keys() & {*failed}:
                self._ports[port_id] = replace(here[port_id], status="ERROR")
            down = [port_id for port_id in here.keys() & {*ready} if self._is_down(port_id)]
        unknown = sorted({*ready, *gone, *failed} - here.keys())
        return {"unknown": unknown, "down": {port_id: [] for port_id in down}}

    def _is_down(self, port_id: str) -> bool:
        port = self._ports[port_id]
        return port.binding == "ACTIVE" and port.status != "ACTIVE"

    def _take(self, port: StandInPort, *, is_ready: bool) -> None:
        if port.binding == "ACTIVE":
            status = "ACTIVE" if is_ready and port.admin_state_up else "DOWN"
            self._ports[port.id] = replace(port, status=status)
        elif is_ready:
            self.told_nova.append(port.id)

    def _answer(self) -> None:
        if not self.reachable:
            raise TryLater("cannot ask the stand-in of Neutron: it is away")


def _row(port: StandInPort) -> dict[str, object]:
    row = asdict(port)
    del row["host"]
    if port.binding == BETWEEN:
        row["binding"] = "ACTIVE"
    return {**row, "network_id": "network", "guid": str(Guid.from_mac(port.mac))}

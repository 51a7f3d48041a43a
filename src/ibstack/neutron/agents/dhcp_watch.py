# SPDX-License-Identifier: Apache-2.0
"""Listens where Neutron's DHCP agent listens, and names the guests whose request nobody answers."""

from __future__ import annotations

import os
import selectors
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.neutron.agents.dhcp_requests import parse_hosts, parse_packet, why_unanswered
from ibstack.neutron.agents.dhcp_socket import DhcpSocket

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from ibstack.neutron.agents.dhcp_requests import DhcpRequest

_NAMESPACES: Final = Path("/run/netns")
"""Where iproute2 and Neutron keep the names of namespaces (ip-netns(8))."""
_PREFIX: Final = "qdhcp-"
"""neutron/agent/linux/dhcp.py, NS_PREFIX; the network's id follows."""
_LOOK_EVERY_S: Final = 1.0
_PATIENCE_S: Final = 5.0
"""The agent may write a new port down after its guest has asked for the first time."""
_MOST_NAMED: Final = 100
"""Of one network: what a guest asks with is the guest's choice."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An interface of the DHCP agent as it is now: one that is made anew is another place."""

    interface: str
    namespace: Path
    inode: int


@dataclass(eq=False)
class _Network:
    id: str
    place: _Place
    socket: DhcpSocket
    asked: dict[DhcpRequest, float] = field(default_factory=dict)
    """When each was first seen, of those that are still to be judged."""
    named: set[DhcpRequest] = field(default_factory=set)


class DhcpWatch:
    """Watches the networks of a DHCP agent, as they come and go."""

    def __init__(self, state_path: Path, say: Callable[[str], None], only: str = "") -> None:
        """*state_path*: the agent's; *only*: the id of the one network to watch, or all of them."""
        self._folder = state_path / "dhcp"
        self._say = say
        self._only = only
        self._networks: dict[str, _Network] = {}
        self._selector = selectors.DefaultSelector()

    def run(self, stopping: threading.Event) -> None:
        """Watch until *stopping* is set; IbstackError where it may not."""
        while not stopping.is_set():
            self._follow()
            until = time.monotonic() + _LOOK_EVERY_S
            while (left_s := until - time.monotonic()) > 0 and not stopping.is_set():
                for key, _ in self._selector.select(left_s):
                    self._read(key.data)
            for network in self._networks.values():
                self._judge(network, time.monotonic())

    def _follow(self) -> None:
        """Close what has gone, open what is new."""
        there = self._places()
        for network in list(self._networks.values()):
            if there.get(network.id) != network.place:
                self._close(network)
        for network_id in there.keys() - self._networks.keys():
            # An interface that goes just now is not there the next time.
            with suppress(OSError):
                self._open(network_id, there[network_id])

    def _places(self) -> dict[str, _Place]:
        try:
            ids = [each for each in os.listdir(self._folder) if self._only in ("", each)]
        except FileNotFoundError:
            return {}  # The agent has served no network yet.
        found: dict[str, _Place] = {}
        for network_id in ids:
            namespace = _NAMESPACES / f"{_PREFIX}{network_id}"
            with suppress(OSError):
                interface = (self._folder / network_id / "interface").read_text().strip()
                found[network_id] = _Place(interface, namespace, namespace.stat().st_ino)
        return found

    def _open(self, network_id: str, place: _Place) -> None:
        opened = DhcpSocket(place.namespace, place.interface)
        network = self._networks[network_id] = _Network(network_id, place, opened)
        self._selector.register(opened, selectors.EVENT_READ, network)

    def _close(self, network: _Network) -> None:
        self._selector.unregister(network.socket)
        network.socket.close()
        del self._networks[network.id]

    def _read(self, network: _Network) -> None:
        try:
            packet = network.socket.read()
        except OSError:
            self._close(network)
            return
        # What is no DHCP that can be read is no guest that could be helped.
        with suppress(BadValue):
            request = parse_packet(packet)
            known = {*network.asked, *network.named}
            if request is not None and request not in known and len(known) < _MOST_NAMED:
                network.asked[request] = time.monotonic()

    def _judge(self, network: _Network, now: float) -> None:
        """Name who asked a while ago and has not become known; forget who has."""
        if not network.asked and not network.named:
            return
        try:
            guests = parse_hosts((self._folder / network.id / "host").read_text())
        except OSError:
            return  # The network has gone, or goes.
        network.named = {each for each in network.named if why_unanswered(each, guests)}
        for request, since in list(network.asked.items()):
            why = why_unanswered(request, guests)
            if why is None:
                del network.asked[request]
            elif now - since >= _PATIENCE_S:
                del network.asked[request]
                network.named.add(request)
                self._say(
                    f"cannot give a guest of network {network.id} an address on"
                    f" {network.place.interface}: it asks with {request}; {why}"
                )

# SPDX-License-Identifier: Apache-2.0
"""The process that joins each guest's ib0 with the wire of its port.

    ip netns exec WIRES python -m ibstack_lab.guests.ipoib_links --lab DIR

Both are taps.  `partition_bridges` sets a wire up where the observed table puts its port on a
partition, and down where it does not; here ib0 is held open while its wire is up, and so has a
carrier then and no other time.  The key of the bridge that the wire is on is what the guest sees
as its P_Key.  Frames are translated on the way (ethernet_frames.py).

Its state is the kernel's: one that was killed finds all links again.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.neutron.agents.network_namespace import inside_of
from ibstack_lab.folder import LabFolder
from ibstack_lab.guests import guest_view, ipoib_tap
from ibstack_lab.guests.ethernet_frames import EthernetFrames
from ibstack_lab.guests.namespaces import NAMED, Namespaces
from ibstack_lab.guests.partition_wires import beginning_of_port_id, is_wire, key_of_bridge
from ibstack_lab.guests.routes import Routes
from ibstack_lab.program import begin
from ibstack_lab.topology import INTERFACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack.fabric.partition import PartitionKey

LOG = logging.getLogger(__name__)

_RTMGRP_LINK: Final = 1
_IFF_UP: Final = 1
_FRAME_BYTES: Final = 1 << 16
_FRAMES_AT_ONCE: Final = 64
"""From one tap, before another one's turn."""
_NEWS_BYTES: Final = 1 << 16
_LOOK_EVERY_S: Final = 0.5
"""Also without news: a guest may not have been whole when its wire came."""
_NOT_UP: Final = errno.EIO
"""What a tap says that was set down (drivers/net/tun.c)."""


@dataclass(frozen=True, slots=True)
class WireState:
    """A guest's wire as it is."""

    name: str
    index: int
    """Another one where it was made anew under its old name."""
    key: PartitionKey | None
    """Of the bridge that it is up on; None: it is on none."""


def read_wires(interfaces: Path) -> Iterator[WireState]:
    """Return the wires that are taps; *interfaces*: /sys/class/net of the wires' namespace."""
    for folder in sorted(interfaces.iterdir()):
        if is_wire(folder.name) and (folder / "tun_flags").exists():
            with suppress(OSError, ValueError):  # One that goes just now.
                yield _wire(folder)


def _wire(folder: Path) -> WireState:
    up = int((folder / "flags").read_text(), 16) & _IFF_UP
    master = folder / "master"
    key = key_of_bridge(master.resolve().name) if up and master.exists() else None
    return WireState(folder.name, int((folder / "ifindex").read_text()), key)


@dataclass(eq=False)
class Link:
    """A wire that is held open, and the guest's ib0 while the wire is on a bridge."""

    index: int
    namespace: str
    run: Path
    wire: int
    key: PartitionKey | None = None
    guest: int | None = None
    routes: Routes | None = None
    frames: EthernetFrames = field(default_factory=EthernetFrames)


class IpoibLinks:
    """All links of one lab."""

    def __init__(self, lab: LabFolder, interfaces: Path = Path("/sys/class/net")) -> None:
        self._lab = lab
        self._namespaces = Namespaces(lab.root)
        self._interfaces = interfaces
        self._links: dict[str, Link] = {}
        self._carries: dict[int, Callable[[], None]] = {}
        """By what is polled: what moves the frames that wait there."""
        self._poll = select.epoll()
        self._news = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._news.bind((0, _RTMGRP_LINK))
        self._looked_at = float("-inf")
        self._watch(self._news.fileno(), self._hear)

    def look(self) -> None:
        """Hold open what the wires ask for, and nothing else."""
        self._looked_at = time.monotonic()
        there = {wire.name: wire for wire in read_wires(self._interfaces)}
        for name, link in list(self._links.items()):
            if name not in there or there[name].index != link.index:
                self._forget(name)
        for name, wire in there.items():
            # Whoever is not whole yet is looked at again.
            with suppress(OSError):
                self._follow(self._links.get(name) or self._discover(wire), wire.key)

    def serve(self) -> None:
        """Move the frames that wait, or come soon; look again where that was long ago."""
        for number, _event in self._poll.poll(_LOOK_EVERY_S):
            carry = self._carries.get(number)
            if carry is not None:  # Closed by one that was ready before it.
                carry()
        if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self.look()

    def close(self) -> None:
        for name in list(self._links):
            self._forget(name)
        self._poll.close()
        self._news.close()

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            while True:
                try:
                    self._news.recv(_NEWS_BYTES)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:  # More news than fit: look all the same.
                        raise
        self.look()

    def _discover(self, wire: WireState) -> Link:
        short = beginning_of_port_id(wire.name)
        link = Link(
            wire.index,
            self._namespaces.of_port(short),
            guest_view.run_folder(self._lab, short),
            ipoib_tap.attach(wire.name),
        )
        self._links[wire.name] = link
        self._watch(link.wire, lambda: self._carry_to_guest(link))
        return link

    def _follow(self, link: Link, key: PartitionKey | None) -> None:
        if link.guest is not None and key != link.key:
            self._detach(link)
        if key is None or link.guest is not None:
            return
        guest_view.show_key(link.run, key)
        link.routes = link.routes or inside_of(NAMED / link.namespace, Routes)
        link.frames = EthernetFrames(link.routes.gateway)
        link.guest = ipoib_tap.attach(INTERFACE, link.namespace)
        link.key = key
        self._watch(link.guest, lambda: self._carry_to_bridge(link))
        LOG.info("%s of %s is on partition %s", INTERFACE, link.namespace, key)

    def _detach(self, link: Link) -> None:
        if link.guest is not None:
            self._unwatch(link.guest)
            link.guest = None
            LOG.info("%s of %s is on no partition", INTERFACE, link.namespace)

    def _forget(self, name: str) -> None:
        link = self._links.pop(name)
        self._detach(link)
        self._unwatch(link.wire)
        if link.routes is not None:
            link.routes.close()

    def _watch(self, number: int, carry: Callable[[], None]) -> None:
        self._carries[number] = carry
        self._poll.register(number, select.EPOLLIN)

    def _unwatch(self, tap: int) -> None:
        del self._carries[tap]
        self._poll.unregister(tap)
        os.close(tap)

    def _carry_to_bridge(self, link: Link) -> None:
        if link.guest is not None and not _carry(link.guest, link.wire, link.frames.to_bridge):
            self._detach(link)

    def _carry_to_guest(self, link: Link) -> None:
        if not _carry(link.wire, link.guest, link.frames.to_guest):
            self._forget(next(name for name, each in self._links.items() if each is link))


def _carry(source: int, target: int | None, translate: Callable[[bytes], bytes | None]) -> bool:
    """Move what waits at *source*; return whether it is still there.  No *target* takes all."""
    for _ in range(_FRAMES_AT_ONCE):
        try:
            frame = os.read(source, _FRAME_BYTES)
        except BlockingIOError:
            return True
        except OSError as error:
            return error.errno == _NOT_UP
        translated = translate(frame)
        if translated is not None and target is not None:
            with suppress(OSError):  # It was set down: what is sent there is lost.
                os.write(target, translated)
    return True


def main(argv: Sequence[str] | None = None) -> int:
    lab, stopping = begin("ibstack_lab.guests.ipoib_links", __doc__, argv)
    links = IpoibLinks(LabFolder.at(lab))
    links.look()
    while not stopping.is_set():
        links.serve()
    links.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

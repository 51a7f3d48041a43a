# SPDX-License-Identifier: Apache-2.0
"""Which ports of the fabric stand there by themselves, whoever claims their GUID.

A virtual port of ConnectX-4 and later answers through its physical port, so a walk does not meet
it; where a fabric does show it as a node, as the lab's does, it shows after Neutron has begun to
want it.  So what a walk has met, and a later answer of Neutron's does not want, is a physical port.
Only GUIDs that a MAC address could have made matter: a VF can have no other.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.subnet_manager.state_file import store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ibstack.subnet_manager.policy.known_ports import KnownPorts
    from ibstack.subnet_manager.reconcile.pass_context import Desired


class PhysicalPorts:
    """Remembers them, over a restart too: what was refused is not taken for a VF after one."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "standing-ports.json"
        self._known = _read(self._file)
        self._unclaimed: dict[Guid, int] = {}
        """When each was first met: after how many answers of Neutron's."""
        self._claimed: set[Guid] = set()
        """Wanted by a port before it was known to stand by itself; until a walk misses it."""

    @property
    def guids(self) -> frozenset[Guid]:
        return self._known

    def on_desired(self, desired: Desired) -> None:
        """Take in who is wanted by Neutron's latest answer; cheap where nothing is in doubt."""
        if not self._unclaimed:
            return
        wanted = _claims(desired)
        self._claimed.update(self._unclaimed.keys() & wanted)
        for guid in self._claimed:
            self._unclaimed.pop(guid, None)
        if desired.trouble is not None or desired.alarms:
            return  # Of a host in doubt new ports are held: who they are is told when that is over.
        proved = {guid for guid, at in self._unclaimed.items() if at < desired.answers}
        for guid in proved:
            del self._unclaimed[guid]
        self._keep(self._known | proved)

    def on_leaving(self, guids: Iterable[Guid]) -> None:
        """Take in that *guids* are no members any more: their VFs may stay for a moment."""
        self._claimed.update(set(guids) - self._known)

    def on_walk(self, known: KnownPorts, desired: Desired) -> None:
        """Take in what a walk has met since *desired* was heard."""
        there = known.from_macs
        if known.whole:
            self._claimed &= there
            self._unclaimed = {g: at for g, at in self._unclaimed.items() if g in there}
            self._keep(self._known & there)
        new = there - self._known - self._claimed - self._unclaimed.keys()
        if new:
            wanted = _claims(desired)
            self._claimed |= new & wanted
            self._unclaimed.update(dict.fromkeys(new - wanted, desired.answers))

    def _keep(self, known: Iterable[Guid]) -> None:
        now = frozenset(known)
        if now != self._known:
            store(self._file, json.dumps(sorted(map(str, now))))
            self._known = now


def _claims(desired: Desired) -> set[Guid]:
    """Return the GUIDs of VFs: of ports, and of what is attached without one."""
    return {member.guid for member in desired.members if not member.shared} | {
        vf.guid for vf in desired.left
    }


def _read(file: Path) -> frozenset[Guid]:
    with suppress(OSError, ValueError, TypeError, AttributeError, BadValue):
        return frozenset(Guid.parse(text) for text in json.loads(file.read_text()))
    return frozenset()  # Met again at the next walks.

# SPDX-License-Identifier: Apache-2.0
"""The wires: the net file that ibsim reads, and which switch port each node is cabled to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.adapter import AdapterKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.topology import Topology

SWITCH: Final = "sw1"
# ibsim takes any number of ports, OpenSM no switch of more than 254 (IBTA vol 1, 14.2.5.4).
_PORTS_OF_ONE_SWITCH: Final = 200
_HOSTS_OF_A_LEAF: Final = 32
_SWITCH_GUID: Final = 0x0002C902F0000000
# Until its driver starts a VF has no GUID of its own; ibsim wants one of each node.
_VF_GUID: Final = 0x0002C902E0000000


@dataclass(frozen=True, slots=True)
class Cable:
    """One HCA port, the switch port it is wired to, and whether it is plugged in from the start."""

    node: str
    node_guid: int
    switch: str
    switch_port: int
    plugged: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which node is cabled to which switch port."""

    cables: dict[str, Cable]
    leaves: tuple[str, ...]
    """More than one leaf: each hangs on a spine, port N of which goes to leaf N."""

    def route_from_switch(self, node: str) -> tuple[int, ...]:
        """Return the directed route from the switch named SWITCH to *node*."""
        cable = self.cables[node]
        if cable.switch == SWITCH:
            return (cable.switch_port,)
        return (_HOSTS_OF_A_LEAF + 1, self.leaves.index(cable.switch) + 1, cable.switch_port)

    def net_file(self) -> str:
        """Return it as ibsim reads it: a record for each node, each ended by an empty line."""
        return "\n".join([*self._switches(), *map(_hca, self.cables.values())]) + "\n"

    def _switches(self) -> Iterator[str]:
        wires: dict[str, list[str]] = {leaf: [] for leaf in self.leaves}
        uplink = _HOSTS_OF_A_LEAF + 1
        for cable in self.cables.values():
            if cable.plugged:
                wires[cable.switch].append(f'[{cable.switch_port}] "{cable.node}"[1]')
        if len(self.leaves) > 1:
            spine = [f'[{n}] "{leaf}"[{uplink}]' for n, leaf in enumerate(self.leaves, 1)]
            yield _switch("spine", _SWITCH_GUID, len(self.leaves), spine)
            for number, leaf in enumerate(self.leaves, 1):
                wires[leaf].append(f'[{uplink}] "spine"[{number}]')
        ports = uplink if len(self.leaves) > 1 else max(len(self.cables), 2)
        for number, leaf in enumerate(self.leaves, 1):
            yield _switch(leaf, _SWITCH_GUID + number * 0x100, ports, wires[leaf])


def wiring(topology: Topology) -> Wiring:
    """Return the cables of *topology*: each host's, and an unplugged one for each mlx5 VF."""
    nodes = [(host.name, host.node_guid.value, True) for host in topology.hosts]
    for host in topology.hosts:
        if host.kind is AdapterKind.MLX5:
            nodes += [
                (host.vf_node(number), _vf_guid(len(nodes) + number), False)
                for number in range(host.vfs)
            ]
    per_switch = len(nodes) if len(nodes) <= _PORTS_OF_ONE_SWITCH else _HOSTS_OF_A_LEAF
    cables = {
        node: Cable(node, guid, f"sw{index // per_switch + 1}", index % per_switch + 1, plugged)
        for index, (node, guid, plugged) in enumerate(nodes)
    }
    leaves = tuple(dict.fromkeys(cable.switch for cable in cables.values()))
    return Wiring(cables, leaves)


def _vf_guid(number: int) -> int:
    return _VF_GUID + number * 0x100


def _switch(name: str, guid: int, ports: int, wires: list[str]) -> str:
    return "\n".join([f'switchguid=0x{guid:x}\nSwitch {ports} "{name}"', *wires, ""])


def _hca(cable: Cable) -> str:
    wires = [f'[1] "{cable.switch}"[{cable.switch_port}]'] if cable.plugged else []
    return "\n".join([f'caguid=0x{cable.node_guid:x}\nCa 1 "{cable.node}"', *wires, ""])

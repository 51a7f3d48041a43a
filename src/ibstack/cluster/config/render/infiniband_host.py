# SPDX-License-Identifier: Apache-2.0
"""What hosts with adapters have of fabrics: which interface serves each, and by whose software."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.config.render.host import SourcedValue, joined
from ibstack.cluster.model.role import INFINIBAND_HOST
from ibstack.fabric.adapter import AdapterKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.cluster.config.render.host import Host, Role, Sourced


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter of a host on a fabric."""

    role: Role
    fabric: Sourced
    interface: SourcedValue

    @property
    def serves_ibstack(self) -> bool:
        return self.fabric["stack"].value == "ibstack"

    @property
    def is_mlx4(self) -> bool:
        return self.fabric["adapter"].value == AdapterKind.MLX4.value

    def mapping(self) -> SourcedValue:
        """Return PHYSICAL_NETWORK:INTERFACE."""
        origin = f"{self.fabric.path} and {self.interface.origin}"
        return SourcedValue(f"{self.fabric.name}:{self.interface.text}", origin)


def adapters_of(host: Host) -> tuple[Adapter, ...]:
    """Return the adapters of a host with the role; none where its fabric is not settled."""
    role = host.roles.get(INFINIBAND_HOST)
    return tuple(_adapters(host, role)) if role is not None else ()


def _adapters(host: Host, role: Role) -> Iterator[Adapter]:
    fabrics = host.fabrics_of(role)
    # With several fabrics, a role that names none could mean any: checks of the model say so.
    if len(fabrics) != 1:
        return
    yield Adapter(role, fabrics[0], role["interface"])
    known = {each.name: each for each in host.fabrics}
    names, interfaces = role["furtherfabrics"], role["furtherinterfaces"]
    # One without the other is an error of the role, which its checks tell of.
    for name, interface in zip(names.words, interfaces.words, strict=False):
        if name in known:
            yield Adapter(role, known[name], SourcedValue(interface, interfaces.origin))


def of_ibstack(adapters: Iterable[Adapter]) -> tuple[Adapter, ...]:
    """Return those that ibstack's own programs serve."""
    return tuple(each for each in adapters if each.serves_ibstack)


def of_mellanox(adapters: Iterable[Adapter]) -> tuple[Adapter, ...]:
    """Return those that Mellanox's former programs serve."""
    return tuple(each for each in adapters if not each.serves_ibstack)


def mappings(adapters: Iterable[Adapter]) -> SourcedValue:
    """Return PHYSICAL_NETWORK:INTERFACE of each, with commas."""
    return joined(each.mapping() for each in adapters)

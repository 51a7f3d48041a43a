# SPDX-License-Identifier: Apache-2.0
"""Which adapters serve which physical network, looked up anew each time: hosts change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ibstack.fabric.errors import BadInput, IbstackError
from ibstack.host.adapters import mlx5, physical_function
from ibstack.host.adapters.mlx4 import Mlx4Adapter
from ibstack.host.adapters.mlx5 import Mlx5Adapter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.adapter import AdapterKind
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable, TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.formats.eswitchd_conf import Mapping
    from ibstack.host.adapters.mlx5 import VportControl
    from ibstack.host.adapters.physical_function import PhysicalFunction
    from ibstack.host.client.observed import ObservedAdapter, ObservedVf
    from ibstack.runtime.sysfs import Sysfs


class Adapter(Protocol):
    """One port of an adapter.  Methods that write return how many writes it took.

    A VF is named by its PCI address and its number, as vfs() pairs them.
    """

    function: PhysicalFunction

    @property
    def kind(self) -> AdapterKind: ...

    def vfs(self) -> dict[PciAddress, int]: ...

    def read(self, physical_network: str) -> ObservedAdapter: ...

    def read_vf(self, pci: PciAddress, number: int) -> ObservedVf: ...

    def port(self) -> tuple[Guid | None, str | None]: ...

    def table(self) -> PkeyTable: ...

    def clear(self, pci: PciAddress, number: int) -> int: ...

    def set_guid(self, pci: PciAddress, number: int, guid: Guid) -> int: ...

    def program(
        self, pci: PciAddress, number: int, entry: TableEntry | None, *, link_up: bool
    ) -> int: ...


class Adapters:
    """The adapters of this host, and what was in the way of finding some."""

    def __init__(
        self,
        sysfs: Sysfs,
        mappings: tuple[Mapping, ...],
        *,
        connect: Callable[[Sysfs, PhysicalFunction], VportControl] = mlx5.connect,
    ) -> None:
        """*connect*: how to reach the vports of an mlx5 adapter."""
        self._sysfs = sysfs
        self._connect = connect
        self.mappings = mappings

    @property
    def physical_networks(self) -> frozenset[str]:
        return frozenset(mapping.physical_network for mapping in self.mappings)

    def open(self, interface: str) -> Adapter:
        """Return the adapter behind *interface*; an IbstackError that says why it cannot serve."""
        function = physical_function.find(self._sysfs, interface)
        if function.driver == "mlx4_core":
            return Mlx4Adapter(self._sysfs, function)
        if function.driver == "mlx5_core":
            return Mlx5Adapter(self._sysfs, function, self._connect(self._sysfs, function))
        raise BadInput(
            f"interface {interface} is driven by {function.driver}; "
            "adapters of mlx4_core and mlx5_core can be served"
        )

    def all(self) -> tuple[list[tuple[Mapping, Adapter]], dict[Mapping, str]]:
        """Return each mapping whose adapter can be served, and a sentence for each other."""
        found: list[tuple[Mapping, Adapter]] = []
        problems: dict[Mapping, str] = {}
        for mapping in self.mappings:
            try:
                found.append((mapping, self.open(mapping.interface)))
            except IbstackError as error:
                problems[mapping] = cannot_serve(mapping, error)
        return found, problems

    def exists(self, pci: PciAddress) -> bool:
        """Return whether the host has any PCI function at *pci*."""
        return self._sysfs.exists("bus/pci/devices", str(pci))

    def guest_driver(self, pci: PciAddress) -> str | None:
        """Return the driver by which a guest has the function at *pci*; None where none has it."""
        return physical_function.guest_driver(self._sysfs, pci)


def cannot_serve(mapping: Mapping, error: IbstackError) -> str:
    """Return one sentence for `problems`."""
    return f"cannot serve physical network {mapping.physical_network}: {error}"

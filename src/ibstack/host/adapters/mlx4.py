# SPDX-License-Identifier: Apache-2.0
"""VFs of a ConnectX-3: they share the physical port's P_Key table, entry by entry.

Paths and meaning: kernel drivers/infiniband/hw/mlx4/{sysfs,alias_GUID}.c.  After its start the
driver maps index 0 of every VF to physical index 0, whatever is there; so a VF is cleared first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.fabric.partition import TableEntry
from ibstack.host.adapters.physical_function import (
    PhysicalFunction,
    port_guid,
    port_state,
    real_guid,
    table_entries,
    virtual_functions,
)
from ibstack.host.client.observed import Link, ObservedAdapter, ObservedVf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable
    from ibstack.fabric.pci import PciAddress
    from ibstack.runtime.sysfs import Sysfs

_DELETED: Final = (1 << 64) - 1
_NOWHERE: Final = "none"
_SMI_ADMIN: Final = "enable_smi_admin"
"""Whether the VF gets QP0 when its driver starts the next time."""
_SMI_NOW: Final = "smi_enabled"
"""Whether it has one now.  Read-only."""
_OFF: Final = "0"


class Mlx4Adapter:
    """One port of a ConnectX-3.  A VF is named by its number, counted from 0."""

    kind: Final = AdapterKind.MLX4

    def __init__(self, sysfs: Sysfs, function: PhysicalFunction) -> None:
        self._sysfs = sysfs
        self.function = function
        self._iov = f"class/infiniband/{function.device}/iov"
        self._iov_port = f"{self._iov}/ports/{function.port}"
        if not sysfs.exists(self._iov_port):
            raise TryLater(
                f"{function.device} offers no virtual functions: "
                "load mlx4_core with num_vfs and mlx4_ib, in the host itself"
            )

    def vfs(self) -> dict[PciAddress, int]:
        """Return the number of each VF, by its PCI address."""
        return virtual_functions(self._sysfs, self.function)

    def read(self, physical_network: str) -> ObservedAdapter:
        """Return the adapter as it is now."""
        table = self.table()
        guid, state = self.port()
        return ObservedAdapter(
            physical_network=physical_network,
            interface=self.function.interface,
            device=self.function.device,
            port=self.function.port,
            kind=self.kind,
            pci=self.function.pci,
            port_guid=guid,
            port_state=state,
            vfs=tuple(
                self._observe(pci, n, dict(enumerate(table))) for pci, n in self.vfs().items()
            ),
            entries=table_entries(self._sysfs, self.function),
        )

    def read_vf(self, pci: PciAddress, number: int) -> ObservedVf:
        """Return one VF as it is now; of the table only the entry that it uses is read."""
        index = self._index(number)
        entries = {} if index is None else {index: self._entry(index)}
        return self._observe(pci, number, entries)

    def port(self) -> tuple[Guid | None, str | None]:
        """Return the physical port's GUID and its logical state."""
        return port_guid(self._sysfs, self.function), port_state(self._sysfs, self.function)

    def table(self) -> PkeyTable:
        """Return the physical port's P_Key table."""
        names = self._sysfs.names(self._iov_port, "pkeys")
        return tuple(self._entry(index) for index in sorted(int(n) for n in names if n.isdigit()))

    def clear(self, pci: PciAddress, number: int) -> int:
        """Take VF *number* off every partition, then take its GUID away; return the writes."""
        port = self._slave_port(number)
        changed = 0
        for name in self._sysfs.names(port, "pkey_idx"):
            changed += self._map(number, name, None)
        return changed + self._withhold_smi(pci, port) + self._write_guid(number, _DELETED)

    def set_guid(self, pci: PciAddress, number: int, guid: Guid) -> int:
        """Give VF *number* its port GUID; return the writes.  The guest is told by an event."""
        return self._write_guid(number, guid.value)

    def program(
        self, pci: PciAddress, number: int, entry: TableEntry | None, *, link_up: bool
    ) -> int:
        """Map index 0 to *entry*, or to nothing for None or a link that is down.

        Return the writes.  TryLater, with the VF on no partition, where the table does not hold
        exactly *entry*, membership included.  The index is looked up each time: OpenSM packs the
        table anew when the host reboots.
        """
        wanted = entry if link_up else None
        index = self._index(number)
        if wanted is not None and index is not None and self._entry(index) == wanted:
            return 0
        changed = self._map(number, "0", None)
        if wanted is None:
            return changed
        table = self.table()
        if wanted not in table:
            raise TryLater(
                f"cannot map VF {pci} to entry {wanted}: the P_Key table of "
                f"{self.function.device} port {self.function.port} does not hold it yet; "
                "the subnet manager adds it when its partition has this port as a member"
            )
        return changed + self._map(number, "0", table.index(wanted))

    def _withhold_smi(self, pci: PciAddress, port: str) -> int:
        """See to it that the next guest has no QP0; return the writes.

        With it a guest could write any port's P_Key table where the fabric has no M_Key.  The
        driver goes by this file when the guest's driver starts (mlx4/cmd.c, enable_smi).
        """
        path = f"{port}/{_SMI_ADMIN}"
        if not self._sysfs.exists(path) or self._sysfs.read(path) == _OFF:
            return 0
        try:
            self._sysfs.write(_OFF, path)
            if self._sysfs.read(path) != _OFF:
                raise _not_taken(path, _OFF)
        except IbstackError as error:
            raise IbstackError(
                f"cannot keep VF {pci} from sending subnet management datagrams: {error}"
            ) from error
        return 1

    def _smi(self, number: int) -> bool | None:
        """Return whether VF *number* has QP0, or will have; None where the kernel has no say."""
        port = self._slave_port(number)
        paths = [f"{port}/{name}" for name in (_SMI_ADMIN, _SMI_NOW)]
        shown = [self._sysfs.read(path) for path in paths if self._sysfs.exists(path)]
        return any(text != _OFF for text in shown) if shown else None

    def _observe(
        self, pci: PciAddress, number: int, entries: Mapping[int, TableEntry | None]
    ) -> ObservedVf:
        index = self._index(number)
        return ObservedVf(
            pci=pci,
            number=number,
            guid=real_guid(self._read_guid(number)),
            entry=None if index is None else entries.get(index),
            index=index,
            link=Link.DOWN if index is None else Link.AUTO,
            smi=self._smi(number),
        )

    def _entry(self, index: int) -> TableEntry | None:
        return TableEntry.from_wire(self._sysfs.read_number(self._iov_port, f"pkeys/{index}"))

    def _index(self, number: int) -> int | None:
        return self._read_index(f"{self._slave_port(number)}/pkey_idx/0")

    def _read_index(self, path: str) -> int | None:
        text = self._sysfs.read(path)
        return None if text == _NOWHERE else self._sysfs.read_number(path)

    def _map(self, number: int, name: str, index: int | None) -> int:
        """Map the VF's virtual index *name* to physical *index*; None: to nothing."""
        path = f"{self._slave_port(number)}/pkey_idx/{name}"
        if self._read_index(path) == index:
            return 0
        self._sysfs.write(_NOWHERE if index is None else str(index), path)
        if self._read_index(path) != index:
            raise _not_taken(path, _NOWHERE if index is None else str(index))
        return 1

    def _read_guid(self, number: int) -> int:
        # The kernel prints %llx: neither prefix nor leading zeros.
        return self._sysfs.read_number(self._guid_path(number), base=16)

    def _write_guid(self, number: int, value: int) -> int:
        if self._read_guid(number) == value:
            return 0
        path = self._guid_path(number)
        self._sysfs.write(f"{value:016x}", path)
        if self._read_guid(number) != value:
            # The driver answers a write to the PF's own row, and text it cannot read, with success.
            raise _not_taken(path, f"{value:016x}")
        return 1

    def _guid_path(self, number: int) -> str:
        return f"{self._iov_port}/admin_guids/{number + 1}"

    def _slave_port(self, number: int) -> str:
        """Return the folder of VF *number*: the one that says it is slave *number* + 1.

        Its name looks like a PCI address and is none from VF 80 on, nor where the PF is not at
        device 00 (mlx4/sysfs.c prints the device in decimal); so the name is only a first guess.
        """
        slave = number + 1
        guess = f"{str(self.function.pci)[:8]}{slave // 8:02d}.{slave % 8}"
        names = [guess, *(n for n in self._sysfs.names(self._iov) if n not in (guess, "ports"))]
        for name in names:
            port = f"{self._iov}/{name}/ports/{self.function.port}"
            gid_index = f"{port}/gid_idx/0"
            if self._sysfs.exists(gid_index) and self._sysfs.read_number(gid_index) == slave:
                return port
        raise TryLater(f"{self.function.device} has no virtual function {number}")


def _not_taken(path: str, text: str) -> IbstackError:
    return IbstackError(
        f"cannot set {path} to {text}: the driver took the write and kept its value"
    )

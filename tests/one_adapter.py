# SPDX-License-Identifier: Apache-2.0
"""One host with one adapter for tests: mlx4, mlx5 with MLNX_OFED's files, mlx5 with netlink."""

from __future__ import annotations

import enum
import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.formats.eswitchd_conf import Mapping
from ibstack.host.adapters.mapped_adapters import Adapters
from ibstack.host.adapters.mlx5 import NetlinkVports, connect
from ibstack.host.adapters.netlink import Netlink
from ibstack.host.eswitchd.attachments import Attachments
from ibstack.host.eswitchd.eswitch import Eswitch
from ibstack.runtime.sysfs import Sysfs, SysfsFailed
from ibstack_lab.hosts import hardware
from ibstack_lab.topology import INTERFACE, PHYSICAL_NETWORK, Host
from vport_driver import INTERFACE_INDEX, NETLINK_USERSOCK, VportDriver

if TYPE_CHECKING:
    from types import TracebackType

    from ibstack.fabric.pci import PciAddress
    from ibstack.host.adapters.mapped_adapters import Adapter
    from ibstack.host.adapters.mlx5 import VportControl
    from ibstack.host.adapters.physical_function import PhysicalFunction

RED = TableEntry.parse("0x8001")
RED_LIMITED = TableEntry.parse("0x0001")
BLUE = TableEntry.parse("0x8002")
ABSENT = TableEntry.parse("0x8099")
# What an OpenSM would have written: a hole where a partition was, and both kinds of one key.
TABLE = (0x7FFF, 0x0001, 0x8002, 0x0000, 0x8001)

# An mlx4 tree has thousands of files, which take seconds on a disk that others use.
MEMORY = Path("/dev/shm")

MACS = [f"fa:16:3e:00:00:{n:02x}" for n in range(1, 65)]
GUID, OTHER_GUID = Guid.from_mac(MACS[0]), Guid.from_mac(MACS[1])


class Variant(enum.Enum):
    """What an adapter's driver offers to the host."""

    MLX4 = "mlx4"
    MLX5_FILES = "mlx5 with sriov files"
    MLX5_NETLINK = "mlx5 with netlink"


class Killed(BaseException):
    """The process was killed here."""


class FragileSysfs(Sysfs):
    """Sysfs that notes every write, and at a chosen one ends the process."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        super().__init__(root)
        self.writes: list[str] = []
        self.dies_before: int | None = None
        """The number of writes after which the next one does not happen."""
        self.ignored: set[str] = set()
        """Names of attributes whose driver takes a write and keeps its value."""
        self.refused: set[str] = set()
        """Names of attributes whose driver answers a write with EINVAL."""

    def write(self, text: str, *parts: str) -> None:
        path = "/".join(parts)
        if self.dies_before is not None and len(self.writes) >= self.dies_before:
            raise Killed
        self.writes.append(path)
        if any(path.endswith(name) for name in self.refused):
            raise SysfsFailed(f"write {text} to", path, os.strerror(errno.EINVAL))
        if not any(path.endswith(name) for name in self.ignored):
            super().write(text, *parts)


class OneAdapter:
    """A host with a fake sysfs tree, and what ibstack-eswitchd is made of."""

    def __init__(self, variant: Variant, *, vfs: int = 4, mappings: str = PHYSICAL_NETWORK) -> None:
        kind = AdapterKind.MLX4 if variant is Variant.MLX4 else AdapterKind.MLX5
        self.variant = variant
        self.host = Host("node009", Guid(0x0002C90300000090), kind, vfs=vfs)
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.folder = Path(self._folder.name)
        sriov_files = variant is Variant.MLX5_FILES
        self.hardware = hardware.build(self.host, self.folder / "sys", sriov_files=sriov_files)
        self.hardware.show_table(TABLE)
        self.sysfs = FragileSysfs(self.hardware.root)
        self.driver = VportDriver(vfs)
        self.mappings = tuple(Mapping(name, INTERFACE) for name in mappings.split())

    def __enter__(self) -> Self:
        self.driver.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.driver.__exit__(kind, error, trace)
        self._folder.cleanup()

    def pci(self, number: int) -> PciAddress:
        return self.host.vf_pci(number)

    def adapters(self) -> Adapters:
        return Adapters(self.sysfs, self.mappings, connect=self._connect)

    def adapter(self) -> Adapter:
        return self.adapters().open(INTERFACE)

    def start(self) -> Eswitch:
        """Return an eswitch as a daemon has it that has just started, after a crash or not."""
        self.sysfs.dies_before = None
        eswitch = Eswitch(self.adapters(), Attachments(self.folder / "state"))
        eswitch.reconcile()
        return eswitch

    def _connect(self, sysfs: Sysfs, function: PhysicalFunction) -> VportControl:
        if self.variant is not Variant.MLX5_NETLINK:
            return connect(sysfs, function)
        peer = self.driver.port_id
        return NetlinkVports(Netlink(INTERFACE_INDEX, protocol=NETLINK_USERSOCK, peer=peer))

# SPDX-License-Identifier: Apache-2.0
"""The sysfs tree of a host that has an adapter: mlx4 or mlx5 shaped, in a folder.

Paths, spellings and the state after driver start are the kernel's; symbolic links are relative, so
that the tree can be moved.  Sources: drivers/infiniband/hw/mlx4/{sysfs,alias_GUID}.c,
Documentation/ABI/stable/sysfs-class-infiniband, and for mlx5's `sriov` files MLNX_OFED's manual.
"""

from __future__ import annotations

import enum
import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.ipoib import IpoibAddress
from ibstack_lab.topology import INTERFACE, Host

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ibstack.fabric.pci import PciAddress

TABLE_LENGTH: Final = 127
"""Usable entries of a ConnectX-3's physical P_Key table of 128; the last one is mlx4's `none`."""
ALIAS_GUIDS: Final = 128
NO_GUID: Final = "00:00:00:00:00:00:00:00"
DELETED_GUID: Final = (1 << 64) - 1
"""What a host writes to take a VF's GUID away, in mlx4's admin_guids and mlx5's sriov files."""

_LINK_LOCAL: Final = "fe80:0000:0000:0000:"
_UNSET_GID: Final = _LINK_LOCAL + "0000:0000:0000:0000"
# The default P_Key (IBTA vol 1, 10.9.1.2): at index 0 until a subnet manager writes the table.
_POWER_UP_ENTRY: Final = 0xFFFF
_BRIDGE: Final = "devices/pci0000:00/0000:00:02.0"
_FUNCTION_IDS: Final = {
    AdapterKind.MLX4: ("0x1003", "0x1004"),  # ConnectX-3, and its virtual function.
    AdapterKind.MLX5: ("0x101b", "0x101c"),  # ConnectX-6, and its virtual function.
}


class PortState(enum.Enum):
    """A port's logical state, as sysfs prints it."""

    DOWN = "1: DOWN"
    INIT = "2: INIT"
    ARMED = "3: ARMED"
    ACTIVE = "4: ACTIVE"


class Hardware:
    """The fake sysfs tree of one host, seen from below: what its driver and firmware do.

    The host's own software never uses this; it reads and writes the files.
    """

    def __init__(self, host: Host, root: Path) -> None:
        """*root* stands for /sys; *host* has an adapter kind."""
        if host.kind is None:
            raise ValueError(f"{host.name} has no adapter whose VFs are used")
        self.host = host
        self.root = root
        self.kind = host.kind
        self.device = f"{self.kind.value}_0"

    @property
    def pf_folder(self) -> Path:
        return self.root / _BRIDGE / str(self.host.pf_pci)

    @property
    def port_folder(self) -> Path:
        """…/infiniband/<device>/ports/1"""
        return self.pf_folder / "infiniband" / self.device / "ports/1"

    @property
    def iov_port_folder(self) -> Path:
        """mlx4: …/infiniband/mlx4_0/iov/ports/1, what the physical port really has."""
        return self.pf_folder / "infiniband" / self.device / "iov/ports/1"

    def slave_folder(self, number: int) -> Path:
        """mlx4: the folder of VF *number*, counted from 0, which is slave *number* + 1.

        The driver prints the device number in decimal and takes the PF to be at device 0, so from
        the 80th function on this is not a PCI address (mlx4/sysfs.c, get_name()).
        """
        return self._slave_folder(number + 1)

    def sriov_folder(self, number: int) -> Path:
        """mlx5 with MLNX_OFED: the folder of VF *number* that has node, port and policy."""
        return self.pf_folder / "sriov" / str(number)

    def vf_folder(self, number: int) -> Path:
        return self.pf_folder.parent / str(self.host.vf_pci(number))

    # What the host asked for.

    def vf_guid(self, number: int) -> int | None:
        """Return the port GUID asked for VF *number*; 0 unset, DELETED_GUID deleted.

        None where it is not known: a write is on its way.
        """
        if self.kind is AdapterKind.MLX4:
            return _number(read(self.iov_port_folder / f"admin_guids/{number + 1}"))
        return _number(read(self.sriov_folder(number) / "port").replace(":", ""))

    def vf_index(self, number: int) -> int | None:
        """mlx4: the physical index that VF *number*'s index 0 is mapped to; None for none."""
        text = read(self.slave_folder(number) / "ports/1/pkey_idx/0")
        return int(text, 0) if text[:1].isdigit() else None

    def vf_policy(self, number: int) -> str:
        """mlx5: Down, Up or Follow; empty while a write is on its way."""
        return read(self.sriov_folder(number) / "policy")

    # What the driver shows.

    def show_table(self, entries: Sequence[int]) -> int:
        """Show *entries*, 16 bits each, as the physical P_Key table; return how many changed."""
        wanted = [*entries, *[0] * TABLE_LENGTH][:TABLE_LENGTH]
        folders = [self.port_folder / "pkeys"]
        if self.kind is AdapterKind.MLX4:
            folders.append(self.iov_port_folder / "pkeys")
        return sum(
            show(folder / str(index), f"0x{entry:04x}")
            for folder in folders
            for index, entry in enumerate(wanted)
        )

    def show_port(self, state: PortState) -> bool:
        """Show the physical port's *state*; return whether it changed."""
        return show(self.port_folder / "state", state.value)

    def show_alias(self, number: int, guid: int | None) -> bool:
        """mlx4: show which GUID the SA has accepted for VF *number*; None for none."""
        gid = _UNSET_GID if guid is None else _LINK_LOCAL + _groups(guid)
        return show(self.iov_port_folder / f"gids/{number + 1}", gid)

    def bind(self, number: int, driver: str | None) -> None:
        """Give VF *number* to *driver* of the host, such as mlx5_core; None: to nobody."""
        link = self.vf_folder(number) / "driver"
        link.unlink(missing_ok=True)
        if driver is not None:
            link.symlink_to(f"../../../../bus/pci/drivers/{driver}")

    def pass_through(self, number: int, *, is_open: bool) -> None:
        """Give VF *number* to a guest, as vfio-pci does when it is opened, or take it back.

        vfio-pci enables a function for as long as it is open (drivers/vfio/pci/vfio_pci_core.c).
        """
        if is_open:
            self.bind(number, "vfio-pci")
        show(self.vf_folder(number) / "enable", str(int(is_open)))
        if not is_open:
            self.bind(number, None)

    # How it is after the drivers have started.

    def build(self, *, sriov_files: bool = True) -> None:
        """Make the tree anew.  *sriov_files*: mlx5 as MLNX_OFED has it, else as upstream."""
        if self.root.exists():
            shutil.rmtree(self.root)
        self._build_functions()
        self._build_port()
        if self.kind is AdapterKind.MLX4:
            self._build_iov()
        elif sriov_files:
            self._build_sriov()
        self._build_links()

    def _build_functions(self) -> None:
        pf_id, vf_id = _FUNCTION_IDS[self.kind]
        _write_files(
            self.pf_folder,
            {
                **_function(pf_id),
                "sriov_numvfs": str(self.host.vfs),
                "sriov_totalvfs": str(max(self.host.vfs, 16)),
            },
        )
        for number in range(self.host.vfs):
            folder = self.vf_folder(number)
            _write_files(folder, {**_function(vf_id), "enable": "0"})
            (folder / "physfn").symlink_to(f"../{self.host.pf_pci}")
            (self.pf_folder / f"virtfn{number}").symlink_to(f"../{folder.name}")

    def _build_port(self) -> None:
        guid = self.host.port_guid
        table = [_POWER_UP_ENTRY] + [0] * (TABLE_LENGTH - 1)
        _write_files(
            self.pf_folder / "infiniband" / self.device,
            {
                "node_guid": self.host.node_guid.as_groups(),
                "node_type": "1: CA",
                "ports/1/state": PortState.ACTIVE.value,
                "ports/1/phys_state": "5: LinkUp",
                "ports/1/link_layer": "InfiniBand",
                "ports/1/gids/0": _LINK_LOCAL + guid.as_groups(),
                **{f"ports/1/pkeys/{n}": f"0x{entry:04x}" for n, entry in enumerate(table)},
            },
        )
        (self.pf_folder / "infiniband" / self.device / "device").symlink_to(
            f"../../../{self.host.pf_pci}"
        )
        _write_files(
            self.pf_folder / "net" / INTERFACE,
            {
                "address": str(IpoibAddress(0x48, guid)),
                "dev_id": "0x0",
                "dev_port": "0",
                "type": "32",
                "ifindex": "2",
            },
        )
        (self.pf_folder / "net" / INTERFACE / "device").symlink_to(f"../../../{self.host.pf_pci}")

    def _build_iov(self) -> None:
        functions = self.host.vfs + 1
        guids = {0: self.host.port_guid.value} | {
            slave: _random_local(self.host.name, slave) for slave in range(1, functions)
        }
        for slave in range(functions):
            _write_files(self._slave_folder(slave) / "ports/1", _slave(slave))
        table = [_POWER_UP_ENTRY] + [0] * (TABLE_LENGTH - 1)
        aliases = range(ALIAS_GUIDS)
        _write_files(
            self.iov_port_folder,
            {f"admin_guids/{n}": f"{guids.get(n, 0):x}" for n in aliases}
            | {f"gids/{n}": _UNSET_GID for n in aliases}
            | {"gids/0": _LINK_LOCAL + self.host.port_guid.as_groups()}
            | {f"pkeys/{n}": f"0x{entry:04x}" for n, entry in enumerate(table)},
        )
        (self.iov_port_folder / "mcgs").mkdir()

    def _build_sriov(self) -> None:
        for number in range(self.host.vfs):
            files = {"node": NO_GUID, "port": NO_GUID, "policy": "Down"}
            _write_files(self.sriov_folder(number), files)

    def _build_links(self) -> None:
        driver = f"{self.kind.value}_core"
        _write_files(self.root / "bus/pci/drivers" / driver, {"bind": "", "unbind": ""})
        (self.pf_folder / "driver").symlink_to(f"../../../../bus/pci/drivers/{driver}")
        vfs = [self.vf_folder(number) for number in range(self.host.vfs)]
        _link(self.root, "bus/pci/devices", [self.pf_folder, *vfs])
        _link(self.root, "class/infiniband", [self.pf_folder / "infiniband" / self.device])
        _link(self.root, "class/net", [self.pf_folder / "net" / INTERFACE])

    def _slave_folder(self, slave: int) -> Path:
        name = f"{str(self.host.pf_pci)[:8]}{slave // 8:02d}.{slave % 8}"
        return self.pf_folder / "infiniband" / self.device / "iov" / name


def build(host: Host, root: Path, *, sriov_files: bool = True) -> Hardware:
    """Build the tree of *host* below *root*, which stands for /sys, and return it."""
    hardware = Hardware(host, root)
    hardware.build(sriov_files=sriov_files)
    return hardware


def guest_marker(host_folder: Path, pci: PciAddress) -> Path:
    """Return the file that exists while a guest's driver runs on the VF at *pci*.

    *host_folder*: hosts/<host> of the lab.
    """
    return host_folder / "guests" / str(pci)


def read(path: Path) -> str:
    """Return an attribute's text; empty while a write is on its way.

    The first line counts: what is behind it is the rest of a longer value, about to be cut off.
    """
    return path.read_text(encoding="ascii").partition("\n")[0].strip()


def show(path: Path, text: str) -> bool:
    """Make *path* read *text* in one step; return whether that changed it."""
    if path.exists() and read(path) == text:
        return False
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text + "\n", encoding="ascii")
    scratch.replace(path)
    return True


def _number(text: str) -> int | None:
    return int(text, 16) if text else None


def _groups(guid: int) -> str:
    return guid.to_bytes(8, "big").hex(":", 2)


def _random_local(host: str, slave: int) -> int:
    """Return a random GUID as mlx4 makes it, bit 57 set and bit 56 clear; the same each time."""
    digest = hashlib.sha256(f"{host} {slave}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & ~(0xFF << 56) | 1 << 57


def _function(device: str) -> Mapping[str, str]:
    return {"vendor": "0x15b3", "device": device, "class": "0x020700"}


def _slave(slave: int) -> Mapping[str, str]:
    """Return the files of one function: a VF starts with index 0 on physical 0, others none."""
    is_pf = slave == 0
    files = {
        f"pkey_idx/{n}": str(n) if is_pf or n == 0 else "none" for n in range(TABLE_LENGTH)
    } | {"gid_idx/0": str(slave)}
    return files if is_pf else files | {"smi_enabled": "0", "enable_smi_admin": "0"}


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    for parent in {(folder / name).parent for name in files}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n", encoding="ascii")


def _link(root: Path, place: str, targets: Iterable[Path]) -> None:
    (root / place).mkdir(parents=True)
    for target in targets:
        link = root / place / target.name
        link.symlink_to(os.path.relpath(target, link.parent))

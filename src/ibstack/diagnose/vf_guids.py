# SPDX-License-Identifier: Apache-2.0
"""The GUIDs of a VF as the kernel keeps them, zero and all ones included.

ibstack-eswitchd tells both of these as none, and a node GUID that differs as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ibstack.host.observed import ObservedAdapter, ObservedVf

# Groups of 16 bits of a GID that are its prefix.
_PREFIX_GROUPS = 4


class NetlinkVf(Protocol):
    """What a driver says of a VF over netlink.  None: it does not say."""

    @property
    def node_guid(self) -> int | None: ...

    @property
    def port_guid(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class VfGuids:
    """GUIDs as numbers, and where they were read."""

    source: str
    port: int | None
    node: int | None = None
    """None also on mlx4, where VFs have none that can be set."""


def read_guids(
    sysfs: Path,
    netlink: Callable[[int], Mapping[int, NetlinkVf]],
    adapter: ObservedAdapter,
    vf: ObservedVf,
) -> VfGuids:
    """Read them of *vf*; *netlink* asks the driver of the interface with that index."""
    device = sysfs / "class/infiniband" / adapter.device
    if adapter.kind is AdapterKind.MLX4:
        # Slave 0 is the physical function (mlx4/alias_GUID.c).
        path = device / f"iov/ports/{adapter.port}/admin_guids/{vf.number + 1}"
        return VfGuids(str(path), _number(path))
    folder = device / f"device/sriov/{vf.number}"  # MLNX_OFED only.
    if folder.exists():
        return VfGuids(f"{folder}/port", _number(folder / "port"), _number(folder / "node"))
    source = f"netlink, VF {vf.number} of {adapter.interface}"
    index = text_of(sysfs / "class/net" / adapter.interface / "ifindex")
    try:
        found = netlink(int(index)).get(vf.number) if index.isdigit() else None
    except IbstackError as error:
        return VfGuids(f"{source}: {error}", None)
    return VfGuids(source, found.port_guid, found.node_guid) if found else VfGuids(source, None)


def read_alias(sysfs: Path, adapter: ObservedAdapter, vf: ObservedVf) -> int | None:
    """mlx4: return the GUID that subnet administration has accepted for *vf*; 0: none."""
    if adapter.kind is not AdapterKind.MLX4:
        return None
    device = sysfs / "class/infiniband" / adapter.device
    groups = text_of(device / f"iov/ports/{adapter.port}/gids/{vf.number + 1}").split(":")
    return _hex("".join(groups[_PREFIX_GROUPS:]))


def text_of(path: Path) -> str:
    """Return the first line of a file; empty where it cannot be read."""
    try:
        return path.read_text("ascii").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    return _hex(text_of(path).replace(":", ""))


def _hex(digits: str) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None

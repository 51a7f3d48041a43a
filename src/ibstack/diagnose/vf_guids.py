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

    from ibstack.host.client.observed import ObservedAdapter, ObservedVf
    from ibstack.runtime.sysfs import Sysfs

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
    sysfs: Sysfs,
    netlink: Callable[[int], Mapping[int, NetlinkVf]],
    adapter: ObservedAdapter,
    vf: ObservedVf,
) -> VfGuids:
    """Read them of *vf*; *netlink* asks the driver of the interface with that index."""
    device = f"class/infiniband/{adapter.device}"
    if adapter.kind is AdapterKind.MLX4:
        # Slave 0 is the physical function (mlx4/alias_GUID.c).
        path = f"{device}/iov/ports/{adapter.port}/admin_guids/{vf.number + 1}"
        return VfGuids(f"{sysfs.root}/{path}", _number(sysfs, path))
    folder = f"{device}/device/sriov/{vf.number}"  # MLNX_OFED only.
    if sysfs.exists(folder):
        port, node = (_number(sysfs, f"{folder}/{name}") for name in ("port", "node"))
        return VfGuids(f"{sysfs.root}/{folder}/port", port, node)
    source = f"netlink, VF {vf.number} of {adapter.interface}"
    index = sysfs.number("class/net", adapter.interface, "ifindex")
    try:
        found = netlink(index).get(vf.number) if index is not None else None
    except IbstackError as error:
        return VfGuids(f"{source}: {error}", None)
    return VfGuids(source, found.port_guid, found.node_guid) if found else VfGuids(source, None)


def read_alias(sysfs: Sysfs, adapter: ObservedAdapter, vf: ObservedVf) -> int | None:
    """mlx4: return the GUID that subnet administration has accepted for *vf*; 0: none."""
    if adapter.kind is not AdapterKind.MLX4:
        return None
    path = f"class/infiniband/{adapter.device}/iov/ports/{adapter.port}/gids/{vf.number + 1}"
    return _hex("".join(sysfs.text(path).split(":")[_PREFIX_GROUPS:]))


def _number(sysfs: Sysfs, path: str) -> int | None:
    return _hex(sysfs.text(path).replace(":", ""))


def _hex(digits: str) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None

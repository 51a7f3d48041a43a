# SPDX-License-Identifier: Apache-2.0
"""The MTU that Neutron's options give a network, and the one that the fabric carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import IpoibMode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_IPOIB_HEADER_BYTES: Final = 4
"""RFC 4391 section 6."""
_CONNECTED_MTU_BYTES: Final = 65520
"""The kernel's IPOIB_CM_MTU: 64 KiB less 16 bytes."""
IB_MTUS_BYTES: Final = (256, 512, 1024, 2048, 4096)
"""IBTA vol 1, 14.2.5.6, NeighborMTU."""
_OPENSM_GROUP_MTU_BYTES: Final = 2048
"""Of a partition whose line in partitions.conf has no mtu= (OpenSM, doc/partition-config.txt)."""
_IP_HEADER_BYTES: Final = {4: 20, 6: 40}
_TUNNEL_HEADER_BYTES: Final = {"vxlan": 30, "gre": 22}
"""neutron_lib/constants.py: …_ENCAP_OVERHEAD.  Geneve's is an option."""
_OF_PHYSICAL_NETWORKS: Final = frozenset({"vlan", "flat"})


@dataclass(frozen=True, slots=True)
class MtuOptions:
    """What an operator has set; the defaults are Neutron's."""

    global_physnet_mtu: int = 1500
    path_mtu: int = 0
    physical_network_mtus: Mapping[str, int] = field(default_factory=dict)
    overlay_ip_version: int = 4
    geneve_header_bytes: int = 30


@dataclass(frozen=True, slots=True)
class FabricMtu:
    """What the fabric carries, in bytes of InfiniBand payload."""

    link_bytes: int
    """The smallest NeighborMTU of its active ports."""
    group_bytes: int = _OPENSM_GROUP_MTU_BYTES
    """Of the partitions' broadcast groups: IPoIB keeps below it, whatever the links can do."""

    def __post_init__(self) -> None:
        for value in (self.link_bytes, self.group_bytes):
            if value not in IB_MTUS_BYTES:
                raise BadValue("InfiniBand MTU", str(value), "must be 256, 512, 1024, 2048 or 4096")

    def ipoib_bytes(self, mode: IpoibMode) -> int:
        """Return the MTU of IPoIB: 2044 or 4092 as a rule, and 65520 in connected mode."""
        if mode is IpoibMode.CONNECTED:
            return _CONNECTED_MTU_BYTES
        return min(self.link_bytes, self.group_bytes) - _IPOIB_HEADER_BYTES


def network_mtu(options: MtuOptions, kind: str, physical_network: str | None) -> int | None:
    """Return the MTU that Neutron gives a new network of type *kind*; None: not known here.

    Source: get_mtu() of neutron/plugins/ml2/drivers/type_*.py, the same in Neutron 26 to 29.
    path_mtu counts for tunnels only.
    """
    if kind in _OF_PHYSICAL_NETWORKS:
        of_network = options.physical_network_mtus.get(physical_network or "")
        limits = [options.global_physnet_mtu] if options.global_physnet_mtu > 0 else []
        return min(limits + ([] if of_network is None else [of_network]), default=0)
    if kind == "local":
        return options.global_physnet_mtu
    header = {**_TUNNEL_HEADER_BYTES, "geneve": options.geneve_header_bytes}.get(kind)
    if header is None:
        return None
    limits = [mtu for mtu in (options.global_physnet_mtu, options.path_mtu) if mtu > 0]
    return min(limits) - _IP_HEADER_BYTES[options.overlay_ip_version] - header if limits else 0


def explain_difference(
    options: MtuOptions,
    physical_network: str,
    fabric: FabricMtu,
    mode: IpoibMode = IpoibMode.DATAGRAM,
    others: Collection[str] = (),
) -> str | None:
    """Return one sentence with the remedy where Neutron's MTU is not the fabric's, else None.

    *others*: the physical networks that are to keep the MTU that they have.
    """
    configured = network_mtu(options, "vlan", physical_network)
    real = fabric.ipoib_bytes(mode)
    if configured == real:
        return None
    larger = not configured or configured > real
    effect = "larger packets are lost" if larger else "packets are smaller than they need be"
    settings = ", ".join(remedy(options, physical_network, real, others))
    return (
        f"networks of {physical_network} get MTU {configured or 'without a limit'}, and IPoIB there"
        f" carries {real} in {mode.value} mode: {effect}; set"
        f" {settings}; restart neutron-server, and give networks that are there already theirs with"
        f" `openstack network set --mtu {real}`"
    )


def remedy(
    options: MtuOptions, physical_network: str, wanted: int, others: Collection[str] = ()
) -> list[str]:
    """Return the settings that give *physical_network* the MTU *wanted*, and change no other.

    global_physnet_mtu is an upper limit of every network, so where it is raised, the other
    physical networks and the tunnels are kept at what they have.
    """
    mtus = {**options.physical_network_mtus, physical_network: wanted}
    settings = []
    if 0 < options.global_physnet_mtu < wanted:
        former = options.global_physnet_mtu
        settings.append(f"[DEFAULT] global_physnet_mtu = {wanted}")
        for other in sorted({*others, *mtus} - {physical_network}):
            mtus[other] = min(mtus.get(other, former), former)
        if options.path_mtu == 0 or options.path_mtu > former:
            settings.append(f"[ml2] path_mtu = {former}")
    pairs = ",".join(f"{name}:{mtu}" for name, mtu in mtus.items())
    settings.append(f"[ml2] physical_network_mtus = {pairs}")
    return settings

# SPDX-License-Identifier: Apache-2.0
"""What an operator can set for the interface drivers: `[ipoib]` in dhcp_agent.ini, l3_agent.ini."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oslo_config import cfg

from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibMode

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "ipoib"

_INTERFACE_OPTIONS: Final = [
    cfg.ListOpt(
        "physical_interface_mappings",
        default=[],
        help=(
            "InfiniBand physical networks and the interfaces that serve them, as in "
            "ibhostnet:ib0,ibhostnet:ib1,ibstorage:ib2. Of several interfaces of one physical "
            "network one is used whose port is active."
        ),
    ),
    cfg.StrOpt(
        "mode",
        default=IpoibMode.DATAGRAM.value,
        choices=[
            (IpoibMode.DATAGRAM.value, "MTU 2044 or 4092, every adapter"),
            (IpoibMode.CONNECTED.value, "MTU up to 65520; not on mlx5 with enhanced IPoIB"),
        ],
        help="Mode of the interfaces that are made. All machines of a network must have the same.",
    ),
    cfg.FloatOpt(
        "pkey_wait_s",
        default=10.0,
        min=0,
        help=(
            "How many seconds to wait for the subnet manager to put a network's P_Key into the "
            "table of this host's port. After that the interface is made all the same, and works "
            "when the P_Key comes."
        ),
    ),
    cfg.StrOpt(
        "ordinary_interface_driver",
        default="openvswitch",
        help="For interface_driver = multi: the driver of networks that are not InfiniBand.",
    ),
    cfg.StrOpt("sysfs", default="/sys", help="Where sysfs is mounted."),
]


@dataclass(frozen=True, slots=True)
class InterfaceSettings:
    """The options, read once."""

    interfaces: Mapping[str, tuple[str, ...]]
    """The interfaces of each physical network, in the order that they were named in."""
    mode: IpoibMode
    pkey_wait_s: float
    ordinary_driver: str
    sysfs: str


def list_interface_options() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group, as oslo-config-generator asks for them."""
    return [(GROUP, list(_INTERFACE_OPTIONS))]


def read_interface_settings(conf: cfg.ConfigOpts) -> InterfaceSettings:
    """Register the options with *conf* and read them; BadInput for a mapping that is none."""
    conf.register_opts(_INTERFACE_OPTIONS, group=GROUP)
    group = conf[GROUP]
    return InterfaceSettings(
        interfaces=_interfaces(group.physical_interface_mappings),
        mode=IpoibMode(group.mode),
        pkey_wait_s=group.pkey_wait_s,
        ordinary_driver=group.ordinary_interface_driver,
        sysfs=group.sysfs,
    )


def _interfaces(mappings: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for item in mappings:
        physical_network, _, interface = (part.strip() for part in item.partition(":"))
        if not physical_network or not interface or set(interface) & set(":/ "):
            raise BadInput(
                f"cannot use [{GROUP}] physical_interface_mappings: {item!r}: "
                "expected PHYSICAL_NETWORK:INTERFACE"
            )
        found[physical_network] = (*found.get(physical_network, ()), interface)
    return found

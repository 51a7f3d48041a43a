# SPDX-License-Identifier: Apache-2.0
"""What a guest has to know of its InfiniBand interface, whatever tool it is told to."""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode, parse_client_id
from ibstack.fabric.partition import FULL_MEMBER_BIT

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PartitionKey

IpInterface: TypeAlias = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Dots would look like a child interface.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
LONGEST_NAME: Final = 15
"""Letters of an interface's name: the kernel's IFNAMSIZ is 16 with the final zero."""
_CLIENT_ID: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){1,254}")
_SMALLEST_MTU: Final = {4: 68, 6: 1280}
"""RFC 791 and RFC 8200."""


LARGEST_MTU_BYTES: Final = {IpoibMode.DATAGRAM: 4092, IpoibMode.CONNECTED: 65520}
"""Datagram: 4096 less the 4 bytes of IPoIB's header (RFC 4391 section 6); connected: the kernel's
IPOIB_CM_MTU."""


class Method(enum.Enum):
    """Where the addresses of one family come from."""

    OFF = "off"
    AUTOMATIC = "automatic"
    """IPv4: DHCP.  IPv6: what the router advertises, DHCPv6 included."""
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """A route beside the default one."""

    destination: IpNetwork
    gateway: IpAddress


@dataclass(frozen=True, slots=True)
class Addressing:
    """The addresses of one family; BadInput where they cannot be meant."""

    method: Method = Method.OFF
    addresses: tuple[IpInterface, ...] = ()
    gateway: IpAddress | None = None
    routes: tuple[StaticRoute, ...] = ()

    def __post_init__(self) -> None:
        if (self.method is Method.STATIC) != bool(self.addresses):
            raise BadInput(
                "cannot configure the interface: static addressing needs addresses, and nothing"
                " else has them"
            )
        if self.method is not Method.STATIC and (self.gateway or self.routes):
            raise BadInput(
                "cannot configure the interface: a gateway goes with a static address only; give"
                " an address, or leave the gateway to DHCP"
            )
        if self.gateway is not None and not _reachable(self.gateway, self.addresses):
            raise BadValue("gateway", str(self.gateway), "is in no subnet of the addresses")


@dataclass(frozen=True, slots=True)
class GuestInterface:
    """One interface of one guest; or, where *guid* is None, of each guest made of an image."""

    guid: Guid | None = None
    name: str = "ib0"
    ipv4: Addressing = field(default_factory=Addressing)
    ipv6: Addressing = field(default_factory=Addressing)
    dns: tuple[IpAddress, ...] = ()
    mode: IpoibMode = IpoibMode.DATAGRAM
    mtu_bytes: int | None = None
    """None: what DHCP says, or else what the partition's broadcast group allows."""
    client_id: str | None = None
    """DHCP option 61, bytes with colons.  None: `20:` and the GUID, which the client makes itself
    of its own hardware address."""
    partition_key: PartitionKey | None = None
    """Of a child interface.  None: the key at index 0 of the port's table, which is where ibstack
    puts a network's key."""

    def __post_init__(self) -> None:
        self._check_name()
        if self.client_id is not None and not _CLIENT_ID.fullmatch(self.client_id):
            raise BadValue(
                "DHCP client identifier", self.client_id, "expected 2 to 255 bytes with colons"
            )
        if self.mtu_bytes is not None:
            self._check_mtu(self.mtu_bytes)
        if self.ipv4.method is Method.OFF and self.ipv6.method is Method.OFF:
            raise BadInput(
                "cannot configure the interface: it has no address of either family; give --dhcp or"
                " --cidr, or the port a fixed IP"
            )

    def _check_name(self) -> None:
        room = LONGEST_NAME - (len(self.device) - len(self.name))
        if _NAME.fullmatch(self.name) and len(self.name) <= room:
            return
        child = "" if room == LONGEST_NAME else f", so that {self.device!r} is a name of at most 15"
        raise BadValue(
            "interface name",
            self.name,
            f"expected a letter, then up to {room - 1} letters, digits, - _{child}",
        )

    def _check_mtu(self, mtu_bytes: int) -> None:
        family = 4 if self.ipv6.method is Method.OFF else 6
        low, high = _SMALLEST_MTU[family], LARGEST_MTU_BYTES[self.mode]
        if not low <= mtu_bytes <= high:
            more = LARGEST_MTU_BYTES[IpoibMode.CONNECTED]
            also = f", up to {more} in connected mode" if high < more else ""
            raise BadValue(
                "MTU", str(mtu_bytes), f"must be {low} to {high} in {self.mode.value} mode{also}"
            )

    @property
    def device(self) -> str:
        """The interface that has the addresses: `ib0`, or the child `ib0.8001`."""
        if self.partition_key is None:
            return self.name
        return f"{self.name}.{self.partition_key.base | FULL_MEMBER_BIT:04x}"

    @property
    def mac(self) -> str | None:
        """Neutron's MAC address of the port; None where it is not known."""
        return None if self.guid is None else self.guid.as_mac()

    @property
    def own_client_id(self) -> str | None:
        """The client-id, where it is another than `20:` and the GUID of the port itself."""
        if self.client_id is None:
            return None
        try:
            form, guid = parse_client_id(self.client_id)
        except BadValue:
            return self.client_id
        same = form is ClientIdForm.HARDWARE_TYPE and guid == self.guid
        return None if same else self.client_id


def _reachable(gateway: IpAddress, addresses: tuple[IpInterface, ...]) -> bool:
    link_local = isinstance(gateway, ipaddress.IPv6Address) and gateway.is_link_local
    return link_local or any(gateway in address.network for address in addresses)

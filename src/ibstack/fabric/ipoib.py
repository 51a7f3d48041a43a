# SPDX-License-Identifier: Apache-2.0
"""The 20-byte hardware address of IPoIB, and the two DHCP client identifiers made of a GUID."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid

LINK_LOCAL_PREFIX: Final = 0xFE80000000000000
_CONNECTED_MODE: Final = 0x80
_ADDRESS = re.compile(r"(?:[0-9a-f]{2}:){19}[0-9a-f]{2}")


class IpoibMode(enum.Enum):
    """How IPoIB carries packets (kernel, Documentation/infiniband/ipoib.rst)."""

    DATAGRAM = "datagram"
    """RFC 4391."""
    CONNECTED = "connected"
    """RFC 4755; not on mlx5 with enhanced IPoIB."""


@dataclass(frozen=True, order=True, slots=True)
class IpoibAddress:
    """Flags (1 byte), queue pair number (3), and the port's GID: prefix (8) and GUID (8).

    The queue pair number changes each time the driver loads, so never match on the first four
    bytes.  Source: RFC 4391 section 9.1.1; bit 7 of the flags, connected mode: RFC 4755.
    """

    queue_pair: int
    guid: Guid
    prefix: int = LINK_LOCAL_PREFIX
    connected_mode: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.queue_pair < 1 << 24:
            raise BadValue("queue pair number", f"{self.queue_pair:#x}", "must fit in 24 bits")
        if not 0 <= self.prefix < 1 << 64:
            raise BadValue("GID prefix", f"{self.prefix:#x}", "must fit in 64 bits")

    @classmethod
    def parse(cls, text: str) -> IpoibAddress:
        """Read 20 colon-separated bytes, as `ip link` and sysfs print them."""
        digits = text.strip().lower()
        if not _ADDRESS.fullmatch(digits):
            raise BadValue("IPoIB address", text, "expected 20 colon-separated bytes")
        octets = bytes.fromhex(digits.replace(":", ""))
        return cls(
            queue_pair=int.from_bytes(octets[1:4], "big"),
            guid=Guid(int.from_bytes(octets[12:], "big")),
            prefix=int.from_bytes(octets[4:12], "big"),
            connected_mode=bool(octets[0] & _CONNECTED_MODE),
        )

    def __str__(self) -> str:
        flags = _CONNECTED_MODE if self.connected_mode else 0
        octets = (
            bytes([flags])
            + self.queue_pair.to_bytes(3, "big")
            + self.prefix.to_bytes(8, "big")
            + self.guid.value.to_bytes(8, "big")
        )
        return octets.hex(":")


class ClientIdForm(enum.Enum):
    """Which DHCP client identifier the guests of a deployment send."""

    HARDWARE_TYPE = "hardware-type"
    """20: and the GUID: NetworkManager, networkd with ClientIdentifier=mac, cloud-init."""

    LEGACY = "legacy"
    """ff:00:00:00:00:00:02:00:00:02:c9:00: and the GUID: MLNX dhclient, FlexBoot, Ironic."""


_CLIENT_ID_PREFIX: Final = {
    ClientIdForm.HARDWARE_TYPE: "20:",
    ClientIdForm.LEGACY: "ff:00:00:00:00:00:02:00:00:02:c9:00:",
}


def client_id(guid: Guid, form: ClientIdForm) -> str:
    """Return option 61 as dnsmasq and Neutron's extra DHCP options spell it."""
    return _CLIENT_ID_PREFIX[form] + guid.as_bytes()


def parse_client_id(text: str) -> tuple[ClientIdForm, Guid]:
    """Read a client identifier in either form; BadValue for any other."""
    digits = text.strip().lower()
    for form, prefix in _CLIENT_ID_PREFIX.items():
        if digits.startswith(prefix) and len(digits) == len(prefix) + 23:
            return form, Guid.parse(digits.removeprefix(prefix))
    forms = " or ".join(f"{prefix}<GUID>" for prefix in _CLIENT_ID_PREFIX.values())
    raise BadValue("DHCP client identifier", text, f"expected {forms}")

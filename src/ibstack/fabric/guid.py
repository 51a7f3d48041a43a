# SPDX-License-Identifier: Apache-2.0
"""Node and port GUIDs."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

from ibstack.fabric.errors import BadValue

_GUID = re.compile(
    r"0x([0-9a-f]{1,16})"
    r"|([0-9a-f]{16})"
    r"|((?:[0-9a-f]{2}:){7}[0-9a-f]{2})"
    r"|((?:[0-9a-f]{4}:){3}[0-9a-f]{4})"
)
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}")

_ALL_ONES: Final = (1 << 64) - 1
# The well-known GUID of subnet administration: kernel drivers/infiniband/hw/mlx4/alias_GUID.c and
# include/rdma/ib_sa.h know it as IB_SA_WELL_KNOWN_GUID.
_SUBNET_ADMINISTRATION: Final = 0x0200000000000002
# OpenSM hands out alias GUIDs below this prefix by itself (osm_sa_guidinfo_record.c).
_SM_ASSIGNED_OUI: Final = 0x001405

_RESERVED: Final = {
    0: "zero means that no GUID is set",
    _ALL_ONES: "all ones mean an invalid or deleted GUID",
    _SUBNET_ADMINISTRATION: "reserved for subnet administration",
}


@dataclass(frozen=True, order=True, slots=True)
class Guid:
    """A node or port GUID: an EUI-64, never a reserved value.

    Raises BadValue for 0, for all ones, and for the well-known GUID of subnet administration.
    """

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value <= _ALL_ONES:
            raise BadValue("GUID", f"{self.value:#x}", "must fit in 64 bits")
        if self.value in _RESERVED:
            raise BadValue("GUID", f"0x{self.value:016x}", _RESERVED[self.value])

    # A dataclass's own makes a tuple each time, and a pass over a fabric hashes tens of thousands.
    def __hash__(self) -> int:
        return self.value

    @classmethod
    def parse(cls, text: str) -> Guid:
        """Read any spelling in the wild.

        0x… (OpenSM), 16 digits (UFM), aa:bb:…:11 (mlx5 sriov files, ip link), and
        0002:c903:00e8:a9d0 (sysfs node_guid and port_guid).
        """
        return _parsed(text)

    @classmethod
    def from_mac(cls, mac: str) -> Guid:
        """Return the GUID of the VF whose Neutron port has *mac*: aa:bb:cc 00:00 dd:ee:ff.

        The same mapping as networking-mlnx, cloud-init and Ironic use, so it must not change.
        Raises BadValue for what is no MAC, and for a MAC whose GUID another party could claim.
        """
        digits = mac.strip().lower()
        if not _MAC.fullmatch(digits):
            raise BadValue("MAC address", mac, "expected 6 colon-separated bytes")
        octets = bytes.fromhex(digits.replace(":", "").replace("-", ""))
        if octets[0] & 1:
            raise BadValue("MAC address", mac, "a multicast address names no port")
        if int.from_bytes(octets[:3], "big") == _SM_ASSIGNED_OUI:
            raise BadValue("MAC address", mac, "00:14:05 is where OpenSM assigns GUIDs by itself")
        return cls(int.from_bytes(octets[:3] + b"\0\0" + octets[3:], "big"))

    def as_mac(self) -> str | None:
        """Return the MAC that this GUID was made from, or None where it was not made from one."""
        octets = self.value.to_bytes(8, "big")
        if octets[3:5] != b"\0\0":
            return None
        return (octets[:3] + octets[5:]).hex(":")

    def __str__(self) -> str:
        return f"0x{self.value:016x}"

    def as_bytes(self) -> str:
        """aa:bb:cc:dd:ee:ff:00:11, as mlx5's sriov files and `ip link set … vf` take it."""
        return self.value.to_bytes(8, "big").hex(":")

    def as_groups(self) -> str:
        """0002:c903:00e8:a9d0, as sysfs prints node_guid, and the lower half of a GID."""
        return self.value.to_bytes(8, "big").hex(":", 2)

    def as_digits(self) -> str:
        """16 hex digits without a prefix, as UFM and mlx4's admin_guids take it."""
        return f"{self.value:016x}"


# One object for each port of a fabric that is read again and again: what is itself is compared
# sooner than what is equal.
@functools.lru_cache(maxsize=65536)
def _parsed(text: str) -> Guid:
    found = _GUID.fullmatch(text.strip().lower())
    if found is None:
        raise BadValue(
            "GUID",
            text,
            "expected 0x…, 16 hex digits, 8 colon-separated bytes, or 4 groups of 4 digits",
        )
    return Guid(int("".join(filter(None, found.groups())).replace(":", ""), 16))

# SPDX-License-Identifier: Apache-2.0
"""Subnet management datagrams: requests as bytes, answers as values.  Pure.

Source: IBTA Architecture Specification vol. 1, 13.4 (the common header), 14.2.1 (LID-routed and
directed-route SMPs), 14.2.5 (the attributes).  Only SubnGet can be encoded: a reader cannot write.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ibstack.fabric.errors import BadValue, IbstackError
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry

LENGTH: Final = 256
"""Bytes of every management datagram."""
DATA_LENGTH: Final = 64
ENTRIES_OF_A_BLOCK: Final = 32
MOST_HOPS: Final = 63

GET: Final = 0x01
_RESPONSE: Final = 0x80
_LID_ROUTED_CLASS: Final = 0x01
DIRECTED_CLASS: Final = 0x81
_DATA: Final = 64
_PERMISSIVE_LID: Final = 0xFFFF
# Base version, class, class version, method; status; hop pointer, hop count; transaction id;
# attribute, reserved, modifier; M_Key; source and destination LID of a directed route.
_HEADER: Final = struct.Struct(">BBBB H BB Q HHI Q HH")


@dataclass(eq=False)
class MalformedDatagram(IbstackError):
    """An answer whose bytes cannot be what they say they are."""

    attribute: str
    why: str

    def __str__(self) -> str:
        return f"cannot read the answer: {self.attribute}: {self.why}"


class Attribute(enum.IntEnum):
    """What is asked for (IBTA vol 1, table 131)."""

    NODE_DESCRIPTION = 0x0010
    NODE_INFO = 0x0011
    SWITCH_INFO = 0x0012
    PORT_INFO = 0x0015
    PKEY_TABLE = 0x0016
    SM_INFO = 0x0020


class NodeType(enum.Enum):
    CHANNEL_ADAPTER = 1
    SWITCH = 2
    ROUTER = 3


class PortState(enum.Enum):
    """The logical state: only an ACTIVE port carries data."""

    NO_CHANGE = 0
    DOWN = 1
    INITIALIZE = 2
    ARMED = 3
    ACTIVE = 4


class SmState(enum.Enum):
    NOT_ACTIVE = 0
    DISCOVERING = 1
    STANDBY = 2
    MASTER = 3


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node, and the port of it that the request came in by."""

    node_type: NodeType
    ports: int
    node_guid: Guid | None
    """None: zero, or another one that names no node."""
    port_guid: Guid
    """Of the port that answered; of a switch, of its port 0."""
    partition_cap: int
    """Entries of the P_Key table of each port of an adapter, of port 0 of a switch."""
    local_port: int


@dataclass(frozen=True, slots=True)
class PortInfo:
    """One port.  LIDs are 0 until a subnet manager has given one."""

    lid: int
    sm_lid: int
    capability_mask: int
    state: PortState
    link_up: bool
    local_port: int
    enforces_inbound: bool
    """On a switch's external port: partitions are enforced on what comes in."""
    enforces_outbound: bool
    mtu_bytes: int | None = None
    """NeighborMTU: the largest packet that may be sent through this port.  None: not set yet."""

    @property
    def is_sm(self) -> bool:
        """A subnet manager runs on this port (capability mask, bit 1)."""
        return bool(self.capability_mask & 0x2)


@dataclass(frozen=True, slots=True)
class SwitchInfo:
    enforcement_cap: int
    """Entries of the P_Key table of each external port; 0: it cannot enforce partitions."""
    multicast_cap: int
    """How many multicast groups it can forward: a limit on IPoIB partitions."""
    can_enforce: bool
    """InboundEnforcementCap and OutboundEnforcementCap: it can check partition keys both ways."""


@dataclass(frozen=True, slots=True)
class SmInfo:
    """One subnet manager."""

    guid: Guid
    state: SmState
    priority: int
    """0 to 15: higher wins."""
    activity: int
    """Counts up while it is alive."""
    key: int = field(default=0, repr=False)
    """Its SM_Key, a secret of 64 bits; 0: not told.  OpenSM 3.3.23 tells it to whoever asks; older
    ones to who asks as a master (osm_sminfo_rcv.c; tests/real/test_foreign_managers.py)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, its data not yet decoded."""

    transaction: int
    """The low 32 bits: the kernel puts the agent's number into the others."""
    status: int
    attribute: int
    modifier: int
    data: bytes


_STATUS_FIELD: Final = {
    1: "the class version is not supported",
    2: "the method is not supported",
    3: "the method is not supported for this attribute",
    7: "there is no such attribute, or its modifier is out of range",
}


def explain_status(status: int) -> str:
    """Say in words what a non-zero status means (IBTA vol 1, 13.4.7)."""
    words = _STATUS_FIELD.get(status >> 2 & 0x7)
    if words is None:
        words = "it is busy" if status & 1 else "it refused"
    return f"{words} (status 0x{status:04x})"


def encode_get(
    attribute: Attribute,
    modifier: int,
    transaction: int,
    *,
    route: tuple[int, ...] | None,
    m_key: int = 0,
) -> bytes:
    """Return a SubnGet.  *route*: the exit ports on the way, () for ourselves; None: LID-routed."""
    if route is not None and len(route) > MOST_HOPS:
        raise BadValue("directed route", str(route), f"at most {MOST_HOPS} hops are possible")
    directed = route is not None
    header = _HEADER.pack(
        1,
        DIRECTED_CLASS if directed else _LID_ROUTED_CLASS,
        1,
        GET,
        0,
        0,
        len(route) if route else 0,
        transaction,
        attribute,
        0,
        modifier,
        m_key,
        _PERMISSIVE_LID if directed else 0,
        _PERMISSIVE_LID if directed else 0,
    )
    # A directed route's path starts at byte 129: byte 128 stands for hop 0, which is unused.
    path = bytes((0, *route)) if route else b""
    return header + bytes(128 - len(header)) + path + bytes(128 - len(path))


def decode_answer(raw: bytes) -> Answer | None:
    """Read the header of a datagram; None for what is no answer to a SubnGet of ours."""
    if len(raw) < _DATA + DATA_LENGTH:
        return None
    _, klass, _, method, status, _, _, transaction, attribute, _, modifier, _, _, _ = (
        _HEADER.unpack_from(raw)
    )
    if method != GET | _RESPONSE or klass not in (DIRECTED_CLASS, _LID_ROUTED_CLASS):
        return None
    if klass == DIRECTED_CLASS:
        status &= 0x7FFF  # The top bit is the direction: set on the way back.
    return Answer(
        transaction & 0xFFFFFFFF, status, attribute, modifier, raw[_DATA : _DATA + DATA_LENGTH]
    )


def transaction_of(raw: bytes) -> int:
    """Return the low 32 bits of the transaction id of any datagram of at least 16 bytes."""
    return int.from_bytes(raw[12:16], "big")


def pkey_modifier(block: int, switch_port: int = 0) -> int:
    """Return the modifier for *block* of 32 entries; adapters ignore the port number."""
    return switch_port << 16 | block


def decode_node_info(data: bytes) -> NodeInfo:
    _check(data, "NodeInfo")
    return NodeInfo(
        node_type=_one_of(NodeType, data[2], "NodeInfo"),
        ports=data[3],
        node_guid=_guid_or_none(data[12:20]),
        port_guid=_guid(data[20:28], "NodeInfo"),
        partition_cap=int.from_bytes(data[28:30], "big"),
        local_port=data[36],
    )


def decode_node_description(data: bytes) -> str:
    """Return the text: anything may be in there, so what cannot be printed is replaced."""
    _check(data, "NodeDescription")
    text = data.partition(b"\0")[0].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


# IBTA vol 1, 14.2.5.6: how NeighborMTU spells 256 to 4096 bytes.
_MTU_BYTES: Final = {code: 128 << code for code in range(1, 6)}


def decode_port_info(data: bytes) -> PortInfo:
    _check(data, "PortInfo")
    return PortInfo(
        lid=int.from_bytes(data[16:18], "big"),
        sm_lid=int.from_bytes(data[18:20], "big"),
        capability_mask=int.from_bytes(data[20:24], "big"),
        state=_one_of(PortState, data[32] & 0x0F, "PortInfo"),
        link_up=data[33] >> 4 == 5,
        local_port=data[28],
        enforces_inbound=bool(data[43] & 0x08),
        enforces_outbound=bool(data[43] & 0x04),
        mtu_bytes=_MTU_BYTES.get(data[36] >> 4),
    )


# InboundEnforcementCap and OutboundEnforcementCap: IBTA volume 1, SwitchInfo.
_ENFORCEMENT_CAPS: Final = 0xC0


def decode_switch_info(data: bytes) -> SwitchInfo:
    _check(data, "SwitchInfo")
    return SwitchInfo(
        enforcement_cap=int.from_bytes(data[14:16], "big"),
        multicast_cap=int.from_bytes(data[4:6], "big"),
        can_enforce=data[16] & _ENFORCEMENT_CAPS == _ENFORCEMENT_CAPS,
    )


def decode_sm_info(data: bytes) -> SmInfo:
    _check(data, "SMInfo")
    return SmInfo(
        guid=_guid(data[0:8], "SMInfo"),
        state=_one_of(SmState, data[20] & 0x0F, "SMInfo"),
        priority=data[20] >> 4,
        activity=int.from_bytes(data[16:20], "big"),
        key=int.from_bytes(data[8:16], "big"),
    )


_PKEY_BLOCK: Final = struct.Struct(">32H")


def decode_pkey_block(data: bytes) -> tuple[TableEntry | None, ...]:
    """Return the 32 entries of one block."""
    _check(data, "P_KeyTable")
    return tuple(_entry(raw) if raw else None for raw in _PKEY_BLOCK.unpack(data))


# Few distinct entries fill thousands of tables: making each only once halves the time of an audit.
_ENTRIES: Final[dict[int, TableEntry | None]] = {}


def _entry(raw: int) -> TableEntry | None:
    try:
        return _ENTRIES[raw]
    except KeyError:
        return _ENTRIES.setdefault(raw, TableEntry.from_wire(raw))


_Closed = TypeVar("_Closed", bound=enum.Enum)


def _one_of(values: type[_Closed], raw: int, attribute: str) -> _Closed:
    try:
        return values(raw)
    except ValueError:
        raise MalformedDatagram(attribute, f"{raw} is no {values.__name__}") from None


def _guid(data: bytes, attribute: str) -> Guid:
    try:
        return Guid(int.from_bytes(data, "big"))
    except BadValue as error:
        raise MalformedDatagram(attribute, str(error)) from error


def _guid_or_none(data: bytes) -> Guid | None:
    try:
        return Guid(int.from_bytes(data, "big"))
    except BadValue:
        return None


def _check(data: bytes, attribute: str) -> None:
    if len(data) != DATA_LENGTH:
        raise MalformedDatagram(attribute, f"{len(data)} bytes, not {DATA_LENGTH}")

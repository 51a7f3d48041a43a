# SPDX-License-Identifier: Apache-2.0
"""The plainest statement, a whole line as ibstack writes it, read at once.

A cloud's file has thousands of them.  What reading.py would make of one is the same
(tests/formats/test_partitions_reading.py).
"""

from __future__ import annotations

import re
from typing import Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.partitions_conf.statement import Keyword, Listed, MembershipFlag, Statement

_MEMBER: Final = rb"(?:0x[0-9a-f]{16}|ALL(?:_CAS|_SWITCHES|_ROUTERS)?|SELF)=(?:full|limited)"
_PLAIN: Final = re.compile(
    rb"(?P<name>[A-Za-z0-9_.-]{1,31})=(?P<key>0x[0-7][0-9a-f]{3})(?P<flags>(?:,indx0|,ipoib)*):"
    rb" (?P<members>" + _MEMBER + rb"(?:, " + _MEMBER + rb")*);\n"
)
_ENDED: Final = bytes.maketrans(b"=,:;", bytes(4))
_KEYWORDS: Final = {keyword.value.encode(): keyword for keyword in Keyword}
_FULL: Final = MembershipFlag.FULL
_LIMITED: Final = MembershipFlag.LIMITED


def read_plain(line: int, piece: bytes) -> Statement | None:
    """Return the statement that a line is; None for one that is not of the plainest form."""
    found = _PLAIN.fullmatch(piece)
    if found is None:
        return None
    members = []
    try:
        key = PartitionKey(int(found["key"], 16))
        for text in found["members"].split(b", "):
            name, _, how = text.partition(b"=")
            who = _KEYWORDS.get(name) or Guid(int(name, 16))
            members.append(Listed(who, _FULL if how == b"full" else _LIMITED))
    except BadValue:
        return None
    return Statement(
        line,
        found["name"].decode(),
        key,
        tuple(found["flags"].decode().split(",")[1:]),
        tuple(members),
    )


def as_left(piece: bytes) -> bytes:
    """Return what OpenSM leaves of such a line in its memory."""
    return piece.translate(_ENDED)

# SPDX-License-Identifier: Apache-2.0
"""Registering a port's alias GUIDs with subnet administration, as mlx4's driver does for its VFs.

SubnAdmSet and SubnAdmDelete of GUIDInfoRecord (IBTA vol 1, 15.2.5.18), 8 GUIDs to a block.  Seen on
OpenSM 3.3.23: a GUID that another port has is answered with 0 in its place, and a port that is a
limited member of the default partition may still set aliases on itself (tests/real/test_kernel.py).
"""

from __future__ import annotations

import errno
import itertools
import struct
import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.mad.pipeline import NotKnown

if TYPE_CHECKING:
    from ibstack.mad import FabricReader
    from ibstack_lab.fabric.attachment import Attachment

GUIDS_OF_A_BLOCK: Final = 8
_GET, _SET, _DELETE = 0x01, 0x02, 0x15
_ANSWERS: Final = {_GET: 0x81, _SET: 0x81, _DELETE: 0x95}
_GUID_INFO_RECORD: Final = 0x0030
# Common header; RMPP header (none); SM_Key, attribute offset, component mask; the record: LID,
# block, GUIDs.
_MAD: Final = struct.Struct(">BBBB HH Q HHI 12x Q HH Q HB5x 8Q 128x")
_CLASS, _CLASS_VERSION = 3, 2
_LID_AND_BLOCK: Final = 0b11
_FIRST_GUID_BIT: Final = 4
_TRANSACTIONS = itertools.count(time.monotonic_ns() & 0x3FFFFFFF)


class Declined(TryLater):
    """Subnet administration did not take the GUID, or did not answer."""


class AliasGuids:
    """The alias GUIDs of the port that *attachment* is at, by their index in its GUID table."""

    def __init__(self, attachment: Attachment, reader: FabricReader) -> None:
        self._attachment = attachment
        self._reader = reader

    def register(self, index: int, guid: int) -> int:
        """Make *guid* an alias at *index* (from 1 on); return it, or the one assigned for 0."""
        accepted = self._ask(_SET, index, guid)[index % GUIDS_OF_A_BLOCK]
        if not accepted:
            raise Declined(f"cannot register 0x{guid:016x}: declined by SM: another port has it")
        return accepted

    def delete(self, index: int) -> None:
        """Take the alias at *index* away."""
        self._ask(_DELETE, index, 0)

    def read(self, block: int) -> tuple[int, ...]:
        """Return the 8 GUIDs of *block* as subnet administration has them; 0 for none."""
        return self._ask(_GET, block * GUIDS_OF_A_BLOCK, 0)

    def _ask(self, method: int, index: int, guid: int) -> tuple[int, ...]:
        port = self._reader.port
        if isinstance(port, NotKnown) or not port.lid or not port.sm_lid:
            raise Declined("cannot reach subnet administration: the port is not configured")
        block, slot = divmod(index, GUIDS_OF_A_BLOCK)
        guids = [guid if n == slot else 0 for n in range(GUIDS_OF_A_BLOCK)]
        mask = _LID_AND_BLOCK
        if method != _GET:
            mask |= 1 << _FIRST_GUID_BIT + slot
        transaction = next(_TRANSACTIONS) & 0xFFFFFFFF
        header = (1, _CLASS, _CLASS_VERSION, method, 0, 0, transaction, _GUID_INFO_RECORD, 0, 0)
        record = (0, 0, 0, mask, port.lid, block, *guids)
        status, answer = self._exchange(_MAD.pack(*header, *record), port.sm_lid)
        if status:
            raise Declined(f"cannot change the alias GUID: declined by SM, status 0x{status:04x}")
        return answer

    def _exchange(self, mad: bytes, sm_lid: int) -> tuple[int, tuple[int, ...]]:
        """Return the status and the 8 GUIDs of the answer."""
        deadline = time.monotonic() + 1
        self._attachment.send(mad, sm_lid, 1000, queue_pair=1)
        while time.monotonic() < deadline:
            received = self._attachment.receive(100)
            if received is None:
                continue
            if received.error == errno.ETIMEDOUT and received.mad[12:16] == mad[12:16]:
                break
            fields = _MAD.unpack(received.mad)
            if fields[3] == _ANSWERS[mad[3]] and received.mad[12:16] == mad[12:16]:
                return fields[4], fields[-GUIDS_OF_A_BLOCK:]
        raise Declined("cannot change the alias GUID: subnet administration did not answer")

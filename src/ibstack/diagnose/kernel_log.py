# SPDX-License-Identifier: Apache-2.0
"""What mlx4's driver says in the kernel's log of alias GUIDs that subnet administration declined.

drivers/infiniband/hw/mlx4/alias_GUID.c, aliasguid_query_handler(): `Record num 1 in  block_num: 0
was declined by SM`, once for each GUID that is asked for; 8 records to a block, slave 0 first.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.pci import PciAddress

KERNEL_LOG: Final = Path("/dev/kmsg")
_RECORDS_OF_A_BLOCK: Final = 8
_LONGEST_RECORD: Final = 8192
"""kernel Documentation/ABI/testing/dev-kmsg; include/linux/printk.h, PRINTKRB_RECORD_MAX."""


def was_declined(log: Path, adapter: PciAddress, slave: int) -> bool | None:
    """Tell whether the log names a decline for *slave* of *adapter*; None: it cannot be read."""
    block, record = divmod(slave, _RECORDS_OF_A_BLOCK)
    said = rf"Record num {record} in\s+block_num:\s*{block} was declined by SM"
    line = re.compile(rf"{re.escape(str(adapter))}: .*{said}")
    try:
        return any(line.search(each) for each in _records(log))
    except OSError:
        return None


def _records(log: Path) -> Iterator[str]:
    """Yield what is in the log now, without waiting for more; a read returns one record."""
    descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with suppress(BlockingIOError):
            while True:
                try:
                    record = os.read(descriptor, _LONGEST_RECORD)
                except BrokenPipeError:
                    continue  # It was overwritten before we came to it; the next one is read.
                if not record:
                    return
                yield record.decode(errors="replace")
    finally:
        os.close(descriptor)

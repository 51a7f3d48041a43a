# SPDX-License-Identifier: Apache-2.0
"""What is kept aside on a host before it is replaced: where, and how it is dated."""

from __future__ import annotations

from datetime import UTC
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

KEPT: Final = PurePosixPath("/var/spool/ibstack/kept")
"""Where, on a host, files are kept that were edited by hand, by their path and the time."""


def stamp(now: datetime) -> str:
    """Return what a file that is kept aside is dated with."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

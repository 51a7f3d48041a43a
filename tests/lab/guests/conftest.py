# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.folder import LabFolder
from wired_guests import WiredGuests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[WiredGuests]:
    """Guests and their wires, with neither a fabric nor a cloud."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    made = WiredGuests(LabFolder(tmp_path))
    try:
        yield made
    finally:
        made.close()

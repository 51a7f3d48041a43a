# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command_line import as_found

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def process_as_found() -> Iterator[None]:
    """What a test runs by `main` logs to this test's stderr, which later ones have not."""
    with as_found():
        yield

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from one_adapter import OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=Variant, ids=lambda variant: variant.value)
def one(request: pytest.FixtureRequest) -> Iterator[OneAdapter]:
    """A host with each kind of adapter, four VFs."""
    with OneAdapter(request.param) as made:
        yield made

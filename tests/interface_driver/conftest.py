# SPDX-License-Identifier: Apache-2.0
"""Warnings are no errors here: pyroute2 leaves event loops to the collector, at the exit too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "default")

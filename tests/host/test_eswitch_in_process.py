# SPDX-License-Identifier: Apache-2.0
"""The contract of an eswitch, without a process.  The daemon: test_eswitch_behind_socket.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eswitch_in_process import EswitchInProcess
from host.eswitch_contract import Bench, EswitchContract
from one_adapter import OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestInProcess(EswitchContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with OneAdapter(Variant.MLX4) as adapter:
            client = EswitchInProcess(adapter)

            def stop() -> None:
                client.is_down = True

            yield Bench(adapter, client, stop, client.restart)

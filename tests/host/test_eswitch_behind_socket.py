# SPDX-License-Identifier: Apache-2.0
"""The contract of an eswitch, on the daemon itself behind its socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from host.eswitch_contract import Bench, EswitchContract
from one_adapter import Variant
from one_daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestDaemon(EswitchContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with Daemon(Variant.MLX4) as daemon:

            def stop() -> None:
                daemon.kill()

            def restart() -> None:
                daemon.kill()
                daemon.run()

            yield Bench(daemon, daemon.client, stop, restart)

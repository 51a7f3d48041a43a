# SPDX-License-Identifier: Apache-2.0
"""ibstack-eswitchd without its process: its answers to a client's own requests, on a fake sysfs.

tests/host/eswitch_contract.py holds it against the daemon behind its socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.host.eswitchd.eswitch_requests import answer

if TYPE_CHECKING:
    from one_adapter import OneAdapter


class EswitchInProcess(EswitchClient):
    """A client of the eswitch of *adapter*; nothing but the socket is left out."""

    def __init__(self, adapter: OneAdapter) -> None:
        super().__init__("in-process")
        self._adapter = adapter
        self.is_down = False
        self.restart()

    def restart(self) -> None:
        """End the daemon and start it again, over the state that it left."""
        self._eswitch = self._adapter.start()

    def _exchange(self, request: bytes, wait_s: float) -> bytes:
        if self.is_down:
            raise ConnectionRefusedError("Connection refused")
        return answer(self._eswitch, request)

# SPDX-License-Identifier: Apache-2.0
"""Hearing from ibstack-eswitchd, as soon as it happens, that something on this host changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.host.client.eswitch_client import EswitchClient

_WATCH_S: Final = 60.0
_WATCH_RETRY_S: Final = 0.5


class EswitchWatcher:
    """Nudges whenever ibstack-eswitchd has something new: a plug, an unplug, its own restart."""

    def __init__(self, eswitch: EswitchClient, nudge: Callable[[], None]) -> None:
        self._eswitch = eswitch
        self._nudge = nudge
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Watch until stop(); the loop says what is wrong with eswitchd, so this need not."""
        sequence: int | None = None
        while not self._stopping.is_set():
            try:
                seen = self._eswitch.watch(
                    -1 if sequence is None else sequence,
                    wait_s=0 if sequence is None else _WATCH_S,
                )
            except IbstackError:
                sequence = None
                self._stopping.wait(_WATCH_RETRY_S)
                continue
            if seen != sequence:
                self._nudge()
            sequence = seen

# SPDX-License-Identifier: Apache-2.0
"""What the lab's own programs begin with, and how they go on whatever fails for a while."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)
RETRY_S = 0.5


def begin(
    module: str, description: str | None, argv: Sequence[str] | None
) -> tuple[Path, threading.Event]:
    """Return the lab's folder that *argv* names, and what SIGTERM and SIGINT set from now on."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--lab", type=Path, required=True, help="the lab's folder")
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    return options.lab, stopping


class SaidOnce:
    """Logs what goes wrong, and not once more while it goes on."""

    def __init__(self) -> None:
        self._said = ""

    def failed(self, error: Exception) -> None:
        if str(error) != self._said:
            LOG.warning("%s", error)
        self._said = str(error)

    def works(self) -> None:
        self._said = ""

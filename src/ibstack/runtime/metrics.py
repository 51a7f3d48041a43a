# SPDX-License-Identifier: Apache-2.0
"""Numbers of a daemon for Prometheus: where they are read, and the words that all daemons share.

The text formats are prometheus_client's (OpenMetrics 1.0 where the reader asks for it).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import start_http_server

from ibstack.fabric.errors import BadInput, Refused, TryLater

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LOG = logging.getLogger(__name__)

FAILURE_KINDS: Final = ("bad-input", "try-later", "refused", "failed")
"""As on eswitchd's socket: what can be done about a failure."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a daemon's numbers are read over HTTP."""

    address: str
    port: int
    """0: nowhere."""

    def serve(self, registry: CollectorRegistry) -> None:
        """Answer in threads until the process ends.

        An endpoint that cannot be had is a warning: what the daemon does matters more than what it
        tells of that.
        """
        if not self.port:
            return
        try:
            start_http_server(self.port, self.address, registry)
        except OSError as error:
            LOG.warning(
                "cannot serve metrics at %s port %d: %s; choose another address or port in"
                " [metrics], or port = 0 to serve none",
                self.address,
                self.port,
                error.strerror,
            )
            return
        LOG.info("serving metrics at http://%s:%d/metrics", self.address, self.port)


def failure_kind(error: Exception) -> str:
    """Return the one of FAILURE_KINDS that *error* is."""
    kinds = ((BadInput, "bad-input"), (TryLater, "try-later"), (Refused, "refused"))
    return next((kind for cls, kind in kinds if isinstance(error, cls)), "failed")

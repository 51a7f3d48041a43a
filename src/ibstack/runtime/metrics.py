# SPDX-License-Identifier: Apache-2.0
"""Numbers of a daemon for Prometheus: where they are read, and the words that all daemons share.

The text formats are prometheus_client's (OpenMetrics 1.0 where the reader asks for it).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, start_http_server

from ibstack.fabric.errors import BadInput, Refused, TryLater

if TYPE_CHECKING:
    from ibstack.runtime.loop import Outcome

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


class PassMetrics:
    """What every daemon counts of its passes, in a registry of its own."""

    def __init__(self, prefix: str) -> None:
        self.registry = CollectorRegistry()
        self._passes = Counter(
            f"{prefix}_passes_total", "Passes of the reconcile loop.", registry=self.registry
        )
        self._failures = Counter(
            f"{prefix}_failures_total",
            "Failures of passes, by what can be done about them.",
            ("kind",),
            registry=self.registry,
        )
        for kind in FAILURE_KINDS:
            self._failures.labels(kind)  # A series that is there before its first failure.

    def count_pass(self, outcome: Outcome) -> None:
        """Count a pass, and why it failed."""
        self._passes.inc()
        for failure in outcome.failures:
            self._failures.labels(failure_kind(failure)).inc()


def failure_kind(error: Exception) -> str:
    """Return the one of FAILURE_KINDS that *error* is."""
    kinds = ((BadInput, "bad-input"), (TryLater, "try-later"), (Refused, "refused"))
    return next((kind for cls, kind in kinds if isinstance(error, cls)), "failed")

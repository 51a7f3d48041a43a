# SPDX-License-Identifier: Apache-2.0
"""Which ports cannot be served, and why: said once each, and kept for the heartbeat."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.fabric.member import Member
    from ibstack.subnet_manager.policy.plan import DesiredPartitions

LOG = logging.getLogger(__name__)


class Unservable:
    """What a person has to change before these ports can be served."""

    def __init__(self, serves_vports: bool | None) -> None:
        """*serves_vports*: the setting; None: not told."""
        self._serves = serves_vports
        self.now: tuple[str, ...] = ()

    def update(
        self,
        wanted: DesiredPartitions,
        members: Iterable[Member],
        alarms: Iterable[str] = (),
        *,
        knows_vports: bool | None,
    ) -> None:
        """Find what is to be said of *wanted*; log what is new.

        *alarms*: what is to be said besides, as it is.
        *knows_vports*: whether the OpenSM that runs here can serve them; None: not known.
        """
        found = [*alarms]
        found += [f"port {port} is not served: {why}" for port, why in wanted.unfit.items()]
        unable = self._serves is False or (self._serves is None and knows_vports is False)
        if unable and any(not member.shared for member in members):
            found.append(
                "this OpenSM cannot serve the virtual ports of ConnectX-4 and later, so these stay"
                " down: run NVIDIA's OpenSM with virt_enabled 2, or UFM; if this one can, set"
                " serves_vports = yes"
            )
        known = {*self.now}
        for complaint in found:
            if complaint not in known:
                LOG.warning("%s", complaint)
        self.now = tuple(found)

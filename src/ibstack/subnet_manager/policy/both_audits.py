# SPDX-License-Identifier: Apache-2.0
"""What looks at tables and at multicast groups have found together.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.subnet_manager.policy.drift import GROUP_KINDS, Audit

if TYPE_CHECKING:
    from ibstack.subnet_manager.policy.drift import Drift


def both(tables: Audit, groups: Audit) -> Audit:
    """Return what looks at tables and at groups have found together."""

    def unsure(drift: Drift) -> bool:
        return (groups if drift.kind in GROUP_KINDS else tables).unsure(drift)

    return Audit((*tables.found, *groups.found), unsure)

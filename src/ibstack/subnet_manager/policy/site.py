# SPDX-License-Identifier: Apache-2.0
"""What of a fabric's partitions is the site's own, and what is a tenant's.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import DEFAULT_PARTITION, PROOF_KEYS, SCRATCH_KEY

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PartitionKey
    from ibstack.formats.partitions_conf.statement import Statement

RESERVED_KEYS: Final = frozenset({*PROOF_KEYS, SCRATCH_KEY, DEFAULT_PARTITION})
"""Keys that neither a tenant nor a site may have."""


@dataclass(frozen=True, slots=True)
class Site:
    """The site's own partitions."""

    text: str = ""
    keys: frozenset[PartitionKey] = frozenset()
    statements: tuple[Statement, ...] = ()

    @property
    def guids(self) -> frozenset[Guid]:
        """Return the ports that it lists by GUID."""
        return frozenset(guid for statement in self.statements for guid in statement.guids())


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The keys of a published file that are neither the site's nor reserved."""

    site: frozenset[PartitionKey]

    def __contains__(self, key: object) -> bool:
        return key not in RESERVED_KEYS and key not in self.site

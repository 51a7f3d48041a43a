# SPDX-License-Identifier: Apache-2.0
"""How one fabric is kept, and what of it is the site's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput
from ibstack.formats.partitions_conf.strict import parse
from ibstack.subnet_manager.opensm.group_audit import SETTLED_S
from ibstack.subnet_manager.opensm.partitions_conf import RESERVED_KEYS, read_site
from ibstack.subnet_manager.opensm.sa_dump import SA_DUMP
from ibstack.subnet_manager.reconcile.enforcement import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import KeyRange, PartitionKey
    from ibstack.formats.partitions_conf.statement import Statement


@dataclass(frozen=True, slots=True)
class Settings:
    """How one fabric is kept; times in seconds."""

    owned_keys: KeyRange
    full_default: frozenset[Guid] = frozenset()
    site_partitions: Path | None = None
    max_removed_share: float = 0.5
    removal_grace_s: float = 3.0
    audit_interval_s: float = 60.0
    serves_vports: bool | None = None
    """False: a VF with a GUID of its own is never in force; None: not told."""
    sa_dump: Path = SA_DUMP
    """Where OpenSM writes its account of multicast groups."""
    groups_settled_s: float = SETTLED_S
    """How long OpenSM may take to make a group and to write it down."""
    host_guids: Mapping[str, frozenset[Guid]] = field(default_factory=dict)
    """The port GUIDs that the site says are a host's."""
    limits: Limits = field(default_factory=Limits)


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

    @classmethod
    def read(cls, settings: Settings) -> Site:
        """Read the site's file; BadInput with every fault where it must not be published."""
        path = settings.site_partitions
        if path is None:
            return cls()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadInput(
                f"cannot read the site's own partitions: {path}: {error.strerror}; create it, with"
                " comments only where there are none, or unset site_partitions"
            ) from error
        text = read_site(content, str(path), settings.owned_keys)
        if not text:
            return cls()
        statements = tuple(parse(content, str(path)))
        return cls(text, frozenset(statement.key for statement in statements), statements)


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The keys of a published file that are neither the site's nor reserved."""

    site: frozenset[PartitionKey]

    def __contains__(self, key: object) -> bool:
        return key not in RESERVED_KEYS and key not in self.site

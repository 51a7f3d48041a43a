# SPDX-License-Identifier: Apache-2.0
"""How one fabric is kept, and how one fabricd runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.facts.fabric.sa_dump import SA_DUMP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import KeyRange
    from ibstack.runtime.metrics import Endpoint


SETTLED_S: Final = 15.0
"""How long OpenSM may take to make a group and to write it down: a sweep of a large fabric."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds."""

    proof_s: float = 5.0
    """For the proof key, after a reload."""
    read_back_s: float = 1.0
    """For the tables, after the proof."""
    reload_gap_s: float = 0.05
    """The least time between two reloads: a burst of changes becomes one.  Without it a signal that
    comes while OpenSM still sweeps may be lost until its next sweep, up to 20 s later (seen on
    OpenSM 3.3.23 with 0 s, by tests/real/test_subnet_manager_opensm.py)."""


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
class FabricdSettings:
    """How one fabricd runs; times in seconds."""

    host: str
    physical_network: str
    partitions_conf: Path
    state_path: Path
    fabric: Settings
    opensm_pid_file: Path | None
    reload_command: tuple[str, ...]
    ca: str | None
    port: int | None
    m_key: int
    poll_interval_s: float
    report_interval_s: int
    rpc_timeout_s: int
    metrics: Endpoint
    answer_key_file: str = ""

# SPDX-License-Identifier: Apache-2.0
"""What one pass over a fabric starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.subnet_manager.policy.site import TenantKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.fabric.errors import IbstackError
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.member import LeftVf, Member
    from ibstack.subnet_manager.policy.plan import DeferredRemovals, DesiredPartitions
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.seam import Manager


@dataclass(frozen=True, slots=True)
class Desired:
    """What the cloud wants of this fabric, as far as it is known."""

    etag: str
    members: tuple[Member, ...]
    trouble: IbstackError | None = None
    """Why there may be newer news that could not be had."""
    left: tuple[LeftVf, ...] = ()
    """The VFs that are attached without a port."""
    answers: int = 0
    """How many answers there have been, this one included."""
    hosts: Mapping[str, Mapping[Guid, bool]] = field(default_factory=dict)
    """The port GUIDs that each host reports, and whether its VFs share that port's table."""
    doubted: Mapping[Guid, str] = field(default_factory=dict)
    """Why a known port's GUID may be another adapter's; nothing new is admitted by it."""
    claimed: Mapping[Guid, str] = field(default_factory=dict)
    """The hosts that report a VF's GUID for their own port, and are not believed."""
    alarms: tuple[str, ...] = ()
    """What a person has to look at, in words."""


@dataclass(frozen=True, slots=True)
class PassContext:
    """What is desired, what the site wants, and who manages the fabric, at one time."""

    desired: Desired
    wanted: DesiredPartitions
    site: Site
    manager: Manager
    held: DeferredRemovals
    shared: frozenset[Guid]
    kept: IbstackError | None = None
    """Why members stay that Neutron does not want any more."""

    @property
    def mine(self) -> TenantKeys:
        return TenantKeys(self.site.keys)

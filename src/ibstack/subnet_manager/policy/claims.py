# SPDX-License-Identifier: Apache-2.0
"""Which members claim a port that is not theirs: the site's, or another host's.  Pure.

A VF's GUID is made from a MAC address, which a tenant chooses.  With a physical port's GUID the
guest would be beside that port's own memberships, and `indx0` would move the port's ib0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.subnet_manager.policy.known_ports import KnownPorts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.member import Member
    from ibstack.fabric.partition import Partitions


@dataclass(frozen=True, slots=True)
class Claims:
    """FileOwner which port is, by the site and by the fabric."""

    full_default: frozenset[Guid] = frozenset()
    of_site: frozenset[Guid] = frozenset()
    """What the site's own statements list."""
    known: KnownPorts = field(default_factory=KnownPorts)
    physical_ports: frozenset[Guid] = frozenset()
    """Adapters' ports that stand on the fabric by themselves."""
    hosts: Mapping[Guid, str] = field(default_factory=dict)
    """Physical ports that hosts report, of which a member is *shared*."""
    doubted: Mapping[Guid, str] = field(default_factory=dict)
    """Known physical ports that may be another adapter's, and why."""
    published: Partitions = field(default_factory=dict)
    shared_before: frozenset[Guid] = frozenset()
    """Published members that are physical ports."""

    @property
    def reserved(self) -> frozenset[Guid]:
        """Return the GUIDs of a VF's form that no VF may have."""
        ports = self.full_default | self.of_site | self.known.managers | self.known.switches
        return frozenset(g for g in ports | self.physical_ports if g.as_mac() is not None)

    def why_not(self, member: Member) -> str | None:
        """Say why *member* may not be what it claims; None where it may."""
        return self._of_host(member) if member.shared else self.why_not_a_vf(member)

    def why_not_a_vf(self, member: Member) -> str | None:
        """The same of VFs alone, for who has not walked the fabric."""
        return None if member.shared else self._of_vf(member.guid)

    def _of_vf(self, guid: Guid) -> str | None:
        owner = self._owner(guid)
        if owner is None:
            return None
        return f"its GUID {guid} is {owner}, and no VF's; give the port another MAC address"

    def _owner(self, guid: Guid) -> str | None:
        if guid in self.full_default:
            return "one of full_default_members"
        if guid in self.of_site:
            return "listed in site_partitions"
        if guid in self.known.managers:
            return "that of a subnet manager's port"
        if guid in self.hosts and not self._was_a_vf(guid):
            return f"that of a physical port of host {self.hosts[guid]}"
        if guid in self.known.switches or guid in self.physical_ports:
            return "that of a physical port of the fabric"
        return None

    def _was_a_vf(self, guid: Guid) -> bool:
        """A host that reports the GUID of a guest that is there does not put it out."""
        there = any(guid in partition.members for partition in self.published.values())
        return there and guid not in self.shared_before

    def _is_in_force(self, member: Member) -> bool:
        """Tell whether a physical port is a published member already: what is in force stays."""
        partition = self.published.get(member.key)
        published = partition is not None and member.guid in partition.members
        return published and member.guid in self.shared_before

    def _of_host(self, member: Member) -> str | None:
        guid = member.guid
        if guid in self.doubted and not self._is_in_force(member):
            return f"the GUID of its host's port, {guid}, {self.doubted[guid]}"
        if guid not in self.full_default and guid not in self.known.managers:
            return None
        if self.known.names_host(guid, member.host):
            return None
        if self._is_in_force(member):
            return None  # The fabric may not answer now.
        said = self.known.names.get(guid)
        shown = f"describes itself as {said!r}" if said else "does not say whose it is"
        return (
            f"host {member.host} reports {guid}, which is a subnet manager's or one of"
            f" full_default_members, and {shown}; if it is that host's, let rdma-ndd describe the"
            " node by its name"
        )

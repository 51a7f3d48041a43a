# SPDX-License-Identifier: Apache-2.0
"""Which of the members that Neutron wants may be published: by whose port it is, and by its room.

A master and its standbys judge alike, each by the walks of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.subnet_manager.policy.claims import Claims
from ibstack.subnet_manager.policy.plan import collect_desired
from ibstack.subnet_manager.policy.table_room import Fill, Rooms, fit
from ibstack.subnet_manager.reconcile.physical_ports import PhysicalPorts
from ibstack.subnet_manager.seam import Role

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Partitions
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.policy.known_ports import KnownPorts
    from ibstack.subnet_manager.policy.plan import DesiredPartitions, Step
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.reconcile.pass_context import Desired
    from ibstack.subnet_manager.seam import Manager
    from ibstack.subnet_manager.settings import Settings


class Admission:
    """Judges members, and remembers what that needs."""

    def __init__(self, settings: Settings, fabric: FabricView, folder: Path) -> None:
        self._settings = settings
        self._fabric = fabric
        self._physical_ports = PhysicalPorts(folder)
        self._good_for_s = 2 * settings.audit_interval_s
        self._heard: Desired | None = None
        self._seen = fabric.known(None)
        self.reserved: tuple[Guid, ...] = ()
        """GUIDs that a MAC address could make, and that no VF may have."""
        self.fullest: Fill | None = None
        """The table that has the least room left; None: no port is in several partitions."""
        self.rooms = Rooms()
        """What the tables of the ports hold beside the tenants' keys."""

    def on_desired(self, desired: Desired) -> None:
        """Take in what Neutron has answered, and what was met while its last answer held."""
        if self._heard is not None:
            self._on_walk(self._heard)
        self._heard = desired
        self._physical_ports.on_desired(desired)

    def on_leaving(self, steps: Iterable[Step]) -> None:
        """Take in who was expelled, and may still be on the fabric."""
        self._physical_ports.on_leaving(step.guid for step in steps)

    def _on_walk(self, desired: Desired) -> None:
        known = self._fabric.known(None)
        if known is not self._seen:
            self._physical_ports.on_walk(known, desired)
            self._seen = known

    def due(self, manager: Manager) -> bool:
        """Tell whether a standby is to walk the fabric again; a master's audits do."""
        return manager.role is Role.STANDBY and self._fabric.map_age_s > self._good_for_s

    def walked(self, manager: Manager) -> KnownPorts:
        """Return what the latest walk has met; walk where it is too old."""
        # Without a link the local port is all that a walk would meet.
        looks = manager.role is not Role.NONE
        return self._fabric.known(self._good_for_s if looks else None)

    def judge(
        self,
        desired: Desired,
        site: Site,
        manager: Manager,
        published: Partitions,
        shared_before: frozenset[Guid],
    ) -> DesiredPartitions:
        """Return what of *desired* may be published, with the reason of each that may not.

        *published*: what the file says of our partitions; *shared_before*: which are physical.
        """
        known = self.walked(manager)
        self._on_walk(desired)
        seen = AdmissionFacts(
            known, self._physical_ports.guids, manager.port, published, shared_before
        )
        self.rooms = rooms_of(self._settings, site, seen)
        claims = _claims(desired, self._settings, site, seen)
        wanted, fills = _judged(desired, self._settings, site, seen, claims)
        self.reserved = tuple(sorted(claims.reserved))
        self.fullest = max(fills, key=lambda fill: fill.share, default=None)
        return wanted


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What the fabric and the file show, by which members are judged."""

    known: KnownPorts
    physical_ports: frozenset[Guid]
    port: Guid
    """The master's where it is on this host, else this host's."""
    published: Partitions
    shared_before: frozenset[Guid]


def judged(
    desired: Desired, settings: Settings, site: Site, seen: AdmissionFacts
) -> tuple[DesiredPartitions, tuple[Fill, ...]]:
    """Return what of *desired* may be published, and how full the shared tables are.  Pure."""
    return _judged(desired, settings, site, seen, _claims(desired, settings, site, seen))


def _judged(
    desired: Desired, settings: Settings, site: Site, seen: AdmissionFacts, claims: Claims
) -> tuple[DesiredPartitions, tuple[Fill, ...]]:
    wanted = collect_desired(desired.members, settings.owned_keys, claims.why_not)
    return fit(wanted, desired.members, seen.published, rooms_of(settings, site, seen))


def rooms_of(settings: Settings, site: Site, seen: AdmissionFacts) -> Rooms:
    """Return what takes place in the tables of the ports that were seen.  Pure."""
    managers = seen.known.managers | settings.full_default | {seen.port}
    return Rooms(seen.known, managers, site.statements)


def _claims(desired: Desired, settings: Settings, site: Site, seen: AdmissionFacts) -> Claims:
    return Claims(
        full_default=settings.full_default,
        of_site=site.guids,
        known=seen.known,
        physical_ports=seen.physical_ports,
        hosts={**desired.claimed, **{m.guid: m.host for m in desired.members if m.shared}},
        doubted=desired.doubted,
        published=seen.published,
        shared_before=seen.shared_before,
    )

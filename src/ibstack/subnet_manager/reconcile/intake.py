# SPDX-License-Identifier: Apache-2.0
"""What is desired, as far as hosts are believed and tables have room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ibstack.subnet_manager.reconcile.unservable import Unservable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Partitions
    from ibstack.subnet_manager.policy.plan import DesiredPartitions, Step
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.policy.table_room import Fill, Rooms
    from ibstack.subnet_manager.reconcile.admission import Admission
    from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
    from ibstack.subnet_manager.reconcile.pass_context import Desired
    from ibstack.subnet_manager.seam import Manager


class DesiredSource(Protocol):
    """Who desires: Neutron over RPC, or a test's own list."""

    def desired(self) -> Desired | None:
        """Return what is desired by the latest news; TryLater until there has been any."""
        ...


class Intake:
    """Takes in what is desired, and says what of it may be declared."""

    def __init__(
        self,
        source: DesiredSource,
        hosts: KnownHosts,
        admission: Admission,
        *,
        serves_vports: bool | None,
        ask_anew: Callable[[], None],
    ) -> None:
        """*ask_anew* makes the next answer of *source* a new one, however young its last is.

        *serves_vports*: the setting; None: not told.
        """
        self._source = source
        self._hosts = hosts
        self._admission = admission
        self._unservable = Unservable(serves_vports)
        self._knows_vports: bool | None = None
        self.ask_anew = ask_anew

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what a person has to change before all can be served."""
        return self._unservable.now

    @property
    def reserved_guids(self) -> tuple[Guid, ...]:
        """Return the GUIDs that Neutron is to keep from VFs: the site's and the fabric's own."""
        return self._admission.reserved

    @property
    def fullest(self) -> Fill | None:
        """Return the table with the least room left; None: no port is in several partitions."""
        return self._admission.fullest

    @property
    def table_rooms(self) -> Rooms:
        """Return what the tables of the ports hold beside the tenants' keys, as last walked."""
        return self._admission.rooms

    def on_role(self, *, knows_vports: bool | None) -> None:
        """Take in that another subnet manager may be in charge; it may know other things."""
        self._knows_vports = knows_vports
        self.ask_anew()

    def latest(self) -> Desired | None:
        """Return Neutron's latest answer; None: there was none yet."""
        return self._source.desired()

    def accepts_hosts(self, desired: Desired) -> bool:
        """Take the hosts as they report that a person has accepted; return whether any was."""
        return self._hosts.obey(desired)

    def believed(self, desired: Desired, manager: Manager) -> Desired:
        """Return *desired* without what is not known to be its host's own."""
        judged = self._hosts.judge(desired, self._admission.walked(manager))
        self._admission.on_desired(judged)
        return judged

    def is_due(self, manager: Manager) -> bool:
        """Tell whether the fabric is to be walked again for what may be admitted."""
        return self._admission.due(manager)

    def servable(
        self,
        desired: Desired,
        site: Site,
        manager: Manager,
        published: Partitions,
        physical_before: frozenset[Guid],
    ) -> DesiredPartitions:
        """Return what of *desired* may be declared; what may not, and why, is a problem.

        *published*: what is declared of ours; *physical_before*: which of it are physical ports.
        """
        wanted = self._admission.judge(desired, site, manager, published, physical_before)
        vports = self._knows_vports
        self._unservable.update(wanted, desired.members, desired.alarms, knows_vports=vports)
        return wanted

    def on_leaving(self, steps: Iterable[Step]) -> None:
        """Take in who was expelled, and may still be on the fabric."""
        self._admission.on_leaving(steps)

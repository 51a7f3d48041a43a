# SPDX-License-Identifier: Apache-2.0
"""Whether the file beside a subnet manager may be older than what Neutron desires.

Asked anew at every change of role: what a standby knew last is not what holds when it takes over.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ibstack.subnet_manager.policy.drift import (
    STALE_STANDBY,
    UNCONFIRMED,
    UNPROVED,
    Drift,
    DriftClass,
)
from ibstack.subnet_manager.policy.plan import Expel
from ibstack.subnet_manager.seam import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ibstack.fabric.errors import IbstackError
    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.policy.plan import Step
    from ibstack.subnet_manager.seam import Declared, Manager

LOG = logging.getLogger(__name__)


def foreign_manager_alarm(manager: Manager) -> Drift | None:
    """Return the alarm of a host whose port obeys a master that is none of the site's.

    The subnet manager there stands by, or is a master of another SM_Key that was written over.
    """
    if manager.stranger is None:
        return None
    detail = (
        f"at {manager.stranger}; this host's port obeys it; if it is the site's, list its port in"
        " full_default_members"
    )
    return Drift(DriftClass.FOREIGN_MANAGER, manager.stranger.guid, None, detail=detail)


def is_stale(
    role: Role, beside: Declared, steps: Iterable[Step], leaving: Collection[Guid]
) -> bool:
    """Tell whether what stands *beside* a standby is older than what is in force.

    *steps* lead from there to what Neutron wants.  A physical port of *leaving* stays a member for
    a moment after its last VF has gone.  A master that cannot be compared with tells nothing.
    """
    if role is not Role.STANDBY:
        return False
    if not beside.ours or beside.is_masters is False:
        return True
    return any(not isinstance(step, Expel) or step.guid not in leaving for step in steps)


class StandbyState:
    """What this fabricd knows of its own file, and the alarm that it raises."""

    def __init__(self) -> None:
        self.confirmed = False
        """Neutron has answered since the role changed, so this fabricd may speak."""
        self._role: Role | None = None
        self._old = False
        """The file was another one than the master's, and none that is newer is in force."""
        self._alarms: tuple[Drift, ...] = ()

    def set_role(self, role: Role) -> None:
        """The role has changed.  A standby that had an old file takes that into office."""
        self._role = role
        self.confirmed = False

    def on_answer(self, trouble: IbstackError | None) -> None:
        """Take in whether Neutron could be asked."""
        self.confirmed = self.confirmed or trouble is None

    def on_proof(self) -> None:
        """As master: a file that Neutron has confirmed is in force."""
        self._old = False

    def alarms(
        self, manager: Manager | None, *, failed: bool, other_file: Callable[[], bool]
    ) -> tuple[Drift, ...]:
        """Return the alarms to raise after a pass; log each when it begins and when it is over.

        *manager*: None where nothing was seen of it in this pass, so what was known stays.
        """
        stale = self._stale(failed=failed, other_file=other_file)
        if manager is None:
            strange = [each for each in self._alarms if each.kind is DriftClass.FOREIGN_MANAGER]
        else:
            strange = [each for each in [foreign_manager_alarm(manager)] if each]
        now = (*([stale] if stale else []), *strange)
        for alarm in self._alarms:
            if alarm not in now:
                LOG.info("drift is over: %s", alarm)
        for alarm in now:
            if alarm not in self._alarms:
                LOG.error("drift: %s", alarm)
        self._alarms = now
        return now

    def _stale(self, *, failed: bool, other_file: Callable[[], bool]) -> Drift | None:
        """Return the alarm of a file that may be old.

        *other_file* tells of a standby whose pass *failed* whether its file is another one than the
        master's.  Once it was, only a pass that does not fail shows that it no longer is: there are
        few proof keys, and the master may by chance come to the old one again.
        """
        if self._role is Role.STANDBY:
            self._old = failed and (self._old or other_file())
            return STALE_STANDBY if self._old else None
        if self._role is Role.MASTER and failed and not self.confirmed:
            return UNCONFIRMED
        return UNPROVED if self._role is Role.MASTER and self._old else None

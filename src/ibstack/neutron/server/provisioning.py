# SPDX-License-Identifier: Apache-2.0
"""Completing the provisioning of a port so that nothing is left DOWN by two that do it at once.

Neutron holds a port DOWN while rows in `provisioningblocks` name entities that it waits for.  Its
`provisioning_complete()` deletes a row and looks for others in *one* transaction, and under
REPEATABLE READ, the default of MariaDB and MySQL, two at once each still see the other's row: both
rows go, and nobody makes the port ACTIVE (seen on Neutron 26 and 29, pinned in
tests/neutron/with_neutron/test_completed_at_once.py).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from neutron.db import provisioning_blocks
from neutron.db.models import provisioning_block
from neutron.db.models_v2 import Port
from neutron_lib import constants
from neutron_lib.callbacks import resources
from neutron_lib.db import api as db_api
from oslo_db import exception as db_errors

if TYPE_CHECKING:
    from collections.abc import Collection

_Block = provisioning_block.ProvisioningBlock


def complete(context: Any, port_id: str, entity: str) -> None:
    """Say that *entity* has done its part; make the port ACTIVE where nothing else is waited for.

    Safe to repeat.  Of several at once that go this way at least one makes the port ACTIVE: each
    commits before it looks, so the last to look sees what all of them did.
    """
    provisioning_blocks.remove_provisioning_component(context, port_id, resources.PORT, entity)
    if not _is_blocked(context, port_id):
        provisioning_blocks.provisioning_complete(context, port_id, resources.PORT, entity)


def add(context: Any, port_id: str, entity: str) -> None:
    """Hold the port, once it is DOWN, until *entity* has done its part; not one that is deleted."""
    # Deleted between Neutron's look for the port and its insert: seen when nova unplugs and
    # deletes, as it does, and without this the whole report fails.
    with contextlib.suppress(db_errors.DBReferenceError):
        provisioning_blocks.add_provisioning_component(context, port_id, resources.PORT, entity)


def waiting(context: Any, port_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Return what each of *port_ids* that is not ACTIVE waits for; those that are, are left out."""
    if not port_ids:
        return {}
    statement = (
        sa.select(Port.id, _Block.entity)
        .outerjoin(_Block, _Block.standard_attr_id == Port.standard_attr_id)
        .where(Port.id.in_(sorted(port_ids)), Port.status != constants.PORT_STATUS_ACTIVE)
    )
    with db_api.CONTEXT_READER.using(context):
        rows = context.session.execute(statement).all()
    found: dict[str, frozenset[str]] = {}
    for port_id, entity in rows:
        found[port_id] = found.get(port_id, frozenset()) | ({entity} if entity else set())
    return found


@db_api.retry_if_session_inactive()
def _is_blocked(context: Any, port_id: str) -> bool:
    """Return whether anything is left to wait for, after all deletions that are under way."""
    with db_api.CONTEXT_READER.using(context):
        of_port = sa.select(Port.standard_attr_id).where(Port.id == port_id)
        attribute = context.session.execute(of_port).scalar_one_or_none()
    left = sa.select(_Block.entity).where(_Block.standard_attr_id == attribute)
    # A transaction of its own: a locking read sees what is committed now, and waits for a row that
    # another is about to delete in Neutron's own way, as it does for the DHCP agent.  Nothing is
    # read before it: MariaDB 11.8 refuses to lock rows that changed since
    # (innodb_snapshot_isolation).
    with db_api.CONTEXT_WRITER.using(context):
        return bool(context.session.execute(left.with_for_update()).all())

# SPDX-License-Identifier: Apache-2.0
"""Carrying out what a person has ordered of a running ibstack-fabricd."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.subnet_manager.opensm.partitions_file_store import Order

if TYPE_CHECKING:
    from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
    from ibstack.subnet_manager.reconcile.drift_record import DriftRecord
    from ibstack.subnet_manager.reconcile.enforcement import Enforcer

LOG = logging.getLogger(__name__)


def obey(publication: PartitionsFileStore, enforcer: Enforcer) -> None:
    """Do what was ordered with the partitions file, as far as no answer of Neutron is needed."""
    if publication.ordered(Order.RESTORE):
        try:
            publication.restore()
        except TryLater:
            raise  # The order stands.
        except IbstackError:
            publication.done(Order.RESTORE)
            raise
        publication.done(Order.RESTORE)
        enforcer.distrust()
        LOG.info("restored %s; what it replaced is %s", publication.path, publication.replaced)
    if publication.ordered(Order.TAKE_OVER):
        publication.take_over()
        publication.done(Order.TAKE_OVER)
        LOG.info("taking over %s; a copy is %s", publication.path, publication.replaced)


def obey_repair(publication: PartitionsFileStore, auditor: DriftRecord, *, led: bool) -> None:
    """Have the tables looked at and repaired again; a master's work, so *led* says who we are.

    An order that a standby was given lapses: carried out after a takeover, hours later, it would
    surprise.
    """
    if not publication.ordered(Order.REPAIR):
        return
    publication.done(Order.REPAIR)
    if led:
        auditor.try_again()
        LOG.info("looking for drift now, and repairing what can be, as ordered")
    else:
        LOG.warning("not repairing: the subnet manager on this host is not in charge")

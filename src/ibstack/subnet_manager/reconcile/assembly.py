# SPDX-License-Identifier: Apache-2.0
"""Putting a reconciler together over one subnet manager."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from ibstack.subnet_manager.reconcile.activation_latency import ActivationLatency
from ibstack.subnet_manager.reconcile.admission import Admission
from ibstack.subnet_manager.reconcile.drift_monitor import DriftMonitor
from ibstack.subnet_manager.reconcile.fabric_reconciler import FabricReconciler
from ibstack.subnet_manager.reconcile.held_removals import HeldRemovals
from ibstack.subnet_manager.reconcile.intake import DesiredSource, Intake
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.membership_tracker import MembershipTracker, Reports
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests
from ibstack.subnet_manager.reconcile.partition_applier import PartitionApplier
from ibstack.subnet_manager.reconcile.read_back import Patience, ReadBack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.reconcile.drift_monitor import GroupAudit
    from ibstack.subnet_manager.seam import SubnetManager
    from ibstack.subnet_manager.settings import Settings


class Cloud(DesiredSource, Reports, Protocol):
    """Neutron over RPC, or a test's own list."""


def assemble(
    settings: Settings,
    cloud: Cloud,
    fabric: FabricView,
    manager: SubnetManager,
    groups: GroupAudit,
    folder: Path,
    *,
    pause: Callable[[float], bool],
    ask_anew: Callable[[], None] = lambda: None,
    proved: Callable[[float], None] = lambda seconds: None,
    clock: Callable[[], float] = time.monotonic,
) -> FabricReconciler:
    """Return a reconciler that keeps what it has to remember in *folder*.

    *pause* waits for so many seconds and returns whether to stop.  *ask_anew* makes the next answer
    of *cloud* a new one.  *proved* is told how many seconds a member took from being desired to
    being in force.
    """
    requests, patience = OperatorRequests(folder), Patience(pause, clock)
    read_back = ReadBack(fabric, settings.limits, patience)
    intake = Intake(
        cloud,
        KnownHosts(folder, settings.host_guids),
        Admission(settings, fabric, folder),
        serves_vports=settings.serves_vports,
        ask_anew=ask_anew,
    )
    removals = HeldRemovals(folder)
    applier = PartitionApplier(settings, manager, requests, removals, read_back, patience, clock)
    latency = ActivationLatency(clock, proved)
    tracker = MembershipTracker(cloud, read_back, latency, serves_vports=settings.serves_vports)
    monitor = DriftMonitor(settings, fabric, applier, read_back, requests, groups, clock)
    return FabricReconciler(fabric, intake, applier, tracker, monitor)

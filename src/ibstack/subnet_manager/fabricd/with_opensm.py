# SPDX-License-Identifier: Apache-2.0
"""A reconciler over the OpenSM of this host."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError
from ibstack.facts.fabric.sa_dump import SaDump
from ibstack.subnet_manager.opensm.group_audit import GroupWatch
from ibstack.subnet_manager.opensm.subnet_manager import OpenSmManager
from ibstack.subnet_manager.reconcile.assembly import assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.formats.partitions_conf.statement import Statement
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
    from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
    from ibstack.subnet_manager.reconcile.assembly import Cloud
    from ibstack.subnet_manager.reconcile.fabric_reconciler import FabricReconciler
    from ibstack.subnet_manager.settings import Settings


def opensm_reconciler(
    settings: Settings,
    cloud: Cloud,
    fabric: FabricView,
    processes: OpenSmProcesses,
    store: PartitionsFileStore,
    *,
    pause: Callable[[float], bool],
    ask_anew: Callable[[], None] = lambda: None,
    proved: Callable[[float], None] = lambda seconds: None,
    clock: Callable[[], float] = time.monotonic,
) -> FabricReconciler:
    """Put one together; see assemble() for what the callables are to do."""

    def statements() -> Sequence[Statement] | None:
        try:
            found = store.read()
        except IbstackError:
            return None
        return found.statements or None

    manager = OpenSmManager(settings, fabric, processes, store, pause=pause, clock=clock)
    groups = GroupWatch(SaDump(settings.sa_dump), statements, clock, settings.groups_settled_s)
    return assemble(
        settings,
        cloud,
        fabric,
        manager,
        groups,
        store.folder,
        pause=pause,
        ask_anew=ask_anew,
        proved=proved,
        clock=clock,
    )

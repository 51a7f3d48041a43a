# SPDX-License-Identifier: Apache-2.0
"""Bringing a partitions file into force, and proving that it is.

Each file that the master publishes puts a proof key on the subnet manager's own port that was not
there before.  When it shows there, OpenSM has read this file.  The other ports' tables may be
written a moment later (seen on OpenSM 3.3.23), so those concerned are read back too.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import PROOF_KEYS, PartitionKey, TableEntry
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile, render
from ibstack.subnet_manager.policy.plan import Admit, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
    from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
    from ibstack.subnet_manager.settings import Limits

LOG = logging.getLogger(__name__)

_FIRST_LOOK_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.02


class Enforcer:
    """Publishes and proves, for the subnet manager on this host while it is master."""

    def __init__(
        self,
        fabric: FabricView,
        opensm: OpenSmProcesses,
        publication: PartitionsFileStore,
        limits: Limits,
        *,
        pause: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*pause* waits for so many seconds and returns whether to stop."""
        self._fabric = fabric
        self._opensm = opensm
        self._publication = publication
        self._limits = limits
        self._pause = pause
        self._clock = clock
        self._reloaded_at = -limits.reload_gap_s
        self._ours: PartitionKey | None = None
        self.reloads = 0
        """Times that OpenSM was made to read its file, since the start."""

    def distrust(self) -> None:
        """Count no proof key that is there already: another may have written that file."""
        self._ours = None

    def proved(self, proof: PartitionKey | None, shown: Collection[PartitionKey] | None) -> bool:
        """Tell whether the file that carries *proof* is in force, by the keys *shown*."""
        return proof is not None and proof == self._ours and shown is not None and proof in shown

    def written_by_us(self, proof: PartitionKey | None) -> bool:
        return proof is not None and proof == self._ours

    def bring(
        self, file: PartitionsFile, shown: Collection[PartitionKey], shared: Iterable[Guid]
    ) -> None:
        """Publish *file* with a fresh proof key and return when it is proved.

        *shown*: the proof keys that are on the subnet manager's port now.
        """
        fresh = replace(file, proof=next_proof(file.proof, shown))
        self._wait_for_gap()
        text = self._publication.publish(fresh, shared)
        self._ours = fresh.proof
        self._reload_and_prove(fresh.proof, text)

    def prove_again(self, file: PartitionsFile) -> None:
        """Have OpenSM read *file*, which is published, once more; return when it is proved."""
        self._reload_and_prove(file.proof, render(file))

    def unmet(self, steps: Iterable[Step], must_be_there: Collection[Guid]) -> list[Step]:
        """Wait for the tables to show *steps*; return those that they do not show in time.

        A port that is not on the fabric has no table yet; OpenSM writes it when the port comes up.
        So it meets every step, unless it is one of *must_be_there*.
        """
        left = list(steps)
        deadline = self._clock() + self._limits.read_back_s
        pause_s = _FIRST_LOOK_S
        while left:
            guids = {step.guid for step in left}
            tables = self._fabric.tables(guids, guids.intersection(must_be_there))
            left = [step for step in left if not _met(step, tables, must_be_there)]
            if not left or self._clock() >= deadline:
                break
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return left

    def _reload_and_prove(self, proof: PartitionKey, text: str) -> None:
        started = self._clock()
        self._opensm.reload()
        self.reloads += 1
        self._reloaded_at = self._clock()
        self._publication.settle(text)
        deadline = started + self._limits.proof_s
        pause_s = _FIRST_LOOK_S
        while proof not in (self._fabric.proofs() or ()):
            if self._clock() >= deadline:
                raise TryLater(
                    f"cannot prove that OpenSM has read {self._publication.path}: key {proof} did"
                    f" not show on its own port within {self._limits.proof_s:g} s; is that the file"
                    " OpenSM was started with? its log says more"
                )
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        LOG.debug("proved by %s after %.0f ms", proof, 1000 * (self._clock() - started))

    def _wait_for_gap(self) -> None:
        left_s = self._reloaded_at + self._limits.reload_gap_s - self._clock()
        if left_s > 0:
            self._sleep(left_s)

    def _sleep(self, seconds: float) -> None:
        if self._pause(seconds):
            raise TryLater("cannot finish this pass: ibstack-fabricd is stopping")


def next_proof(last: PartitionKey, shown: Collection[PartitionKey]) -> PartitionKey:
    """Return the proof key that follows *last* in turn and is not *shown* already."""
    start = PROOF_KEYS.index(last) + 1
    turn = [*PROOF_KEYS[start:], *PROOF_KEYS[:start]]
    return next((key for key in turn if key not in shown and key != last), turn[0])


def _met(step: Step, tables: dict[Guid, PkeyTable | None], must_be_there: Collection[Guid]) -> bool:
    if step.guid not in tables:
        return not isinstance(step, Admit) or step.guid not in must_be_there
    table = tables[step.guid]
    if table is None:
        return False
    if isinstance(step, Admit):
        return TableEntry.of(step.key, step.membership) in table
    return all(entry is None or entry.partition != step.key for entry in table)

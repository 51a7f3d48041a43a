# SPDX-License-Identifier: Apache-2.0
"""OpenSM behind the seam: declared in its partitions file, proved by a key on its own port.

Each file that a master publishes puts a proof key on the subnet manager's own port that was not
there before.  When it shows there, OpenSM has read this file.  The other ports' tables may be
written a moment later (seen on OpenSM 3.3.23).
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, PartitionKey
from ibstack.subnet_manager.opensm.file_changes import file_of
from ibstack.subnet_manager.opensm.partitions_conf import render
from ibstack.subnet_manager.opensm.partitions_file_store import FileOwner, NotOurFile
from ibstack.subnet_manager.opensm.site_partitions import site_partitions
from ibstack.subnet_manager.seam import Declared, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
    from ibstack.subnet_manager.opensm.partitions_file_store import Found, PartitionsFileStore
    from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
    from ibstack.subnet_manager.policy.site import Site
    from ibstack.subnet_manager.seam import Declaration, Manager
    from ibstack.subnet_manager.settings import Settings

LOG = logging.getLogger(__name__)


class OpenSmManager:
    """The OpenSMs of this host that read one partitions file."""

    def __init__(
        self,
        settings: Settings,
        fabric: FabricView,
        processes: OpenSmProcesses,
        store: PartitionsFileStore,
        *,
        pause: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*fabric* shows the proof keys.  *pause* waits for seconds and tells whether to stop."""
        self._settings = settings
        self._fabric = fabric
        self._processes = processes
        self._store = store
        self._pause = pause
        self._clock = clock
        self._reloaded_at = -settings.limits.reload_gap_s
        self._written: PartitionKey | None = None
        """The proof key of the file that this process has published; None: of none."""
        self._shown: frozenset[PartitionKey] | None = None
        self._looked = False
        self._found: Found | None = None
        """What declared() has read, for what is applied right after: a large file takes long."""
        self.reloads = 0

    @property
    def publishes(self) -> int:
        return self._store.publishes

    def state(self) -> Manager:
        found = self._fabric.manager()
        self._shown, self._looked, self._found = found.proofs, True, None
        return found

    def site(self) -> Site:
        return site_partitions(self._settings)

    def declared(self) -> Declared:
        found = self._found = self._ours()
        physical = frozenset(map(Guid.parse, self._store.shared()))
        return declared_by(found, physical, self._shown)

    def fingerprint(self) -> str | None:
        return self._store.fingerprint()

    def apply(self, declaration: Declaration) -> Receipt:
        found, shown = self._just_read(), self._shown_now()
        proof = found.proof or PROOF_KEYS[0]
        file = self._file(proof, declaration)
        if proof == self._written and render(file) == found.text:
            if proof in shown:
                return Receipt(str(proof), fresh=False, seen=True)
            LOG.info("OpenSM no longer shows proof key %s: having it read again", proof)
            self._reload(found.text)
            return self._receipt(proof, fresh=False)
        fresh = replace(file, proof=next_proof(proof, shown))
        self._wait_for_gap()
        text = self._store.publish(fresh, declaration.physical)
        self._written = fresh.proof
        self._reload(text)
        return self._receipt(fresh.proof, fresh=True)

    def in_force(self, receipt: Receipt) -> bool | None:
        shown = self._fabric.proofs()
        return None if shown is None else receipt.mark in map(str, shown)

    def prepare(self, declaration: Declaration, *, confirmed: bool) -> bool:
        """Keep the file equal to the master's; it is read when this subnet manager takes over.

        The proof key says that the two are equal, so a file that may be old does not take it over.
        """
        found, shown = self._just_read(), self._shown or frozenset()
        proof = found.proof or PROOF_KEYS[0]
        if shown and proof not in shown and confirmed:
            proof = min(shown)
        file = self._file(proof, declaration)
        if render(file) == found.text:
            return False
        self._store.settle(self._store.publish(file, declaration.physical))
        return True

    def invalidate(self) -> None:
        self._written = None

    def restore(self) -> None:
        self._store.restore()
        self._written = None
        LOG.info("restored %s; what it replaced is %s", self._store.path, self._store.replaced)

    def take_over(self) -> None:
        self._store.take_over()
        LOG.info("taking over %s; a copy is %s", self._store.path, self._store.replaced)

    def serves_vports(self) -> bool | None:
        return self._processes.knows_vports()

    def _just_read(self) -> Found:
        found, self._found = self._found or self._ours(), None
        return found

    def _ours(self) -> Found:
        """Read the file; NotOurFile where it must not be replaced."""
        found = self._store.read()
        if found.whose in {FileOwner.OTHER, FileOwner.EDITED}:
            raise NotOurFile(self._store.path, found)
        if found.whose is FileOwner.OURS and found.text and not self._store.settled:
            self._store.settle(found.text)
        return found

    def _file(self, proof: PartitionKey, declaration: Declaration) -> PartitionsFile:
        site, full = declaration.site, self._settings.full_default
        # What is the site's keeps its index 0, whoever is still published with its GUID.
        physical = declaration.physical | full | site.guids
        return file_of(
            proof, declaration.partitions, physical, full, site.text, declaration.rewrite
        )

    def _receipt(self, proof: PartitionKey, *, fresh: bool) -> Receipt:
        overdue = (
            f"cannot prove that OpenSM has read {self._store.path}: key {proof} did not show on its"
            " own port within {limit_s} s; is that the file OpenSM was started with? its log says"
            " more"
        )
        return Receipt(str(proof), fresh, overdue=overdue)

    def _shown_now(self) -> frozenset[PartitionKey]:
        """Return the proof keys that show; by the look that state() took, if that was just now."""
        if not self._looked:
            self._shown = self._fabric.proofs()
        self._looked = False
        return self._shown or frozenset()

    def _reload(self, text: str) -> None:
        self._processes.reload()
        self.reloads += 1
        self._reloaded_at = self._clock()
        self._store.settle(text)

    def _wait_for_gap(self) -> None:
        left_s = self._reloaded_at + self._settings.limits.reload_gap_s - self._clock()
        if left_s > 0 and self._pause(left_s):
            raise TryLater("cannot finish this pass: ibstack-fabricd is stopping")


def declared_by(
    found: Found, physical: frozenset[Guid], shown: Collection[PartitionKey] | None
) -> Declared:
    """Return what the file says; *shown*: the proof keys on the master's port, None: not known."""
    proof = found.proof or PROOF_KEYS[0]
    same = proof in shown if shown else None
    return Declared(found.published, physical, found.whose is FileOwner.OURS, same)


def next_proof(last: PartitionKey, shown: Collection[PartitionKey]) -> PartitionKey:
    """Return the proof key that follows *last* in turn and is not *shown* already."""
    start = PROOF_KEYS.index(last) + 1
    turn = [*PROOF_KEYS[start:], *PROOF_KEYS[:start]]
    return next((key for key in turn if key not in shown and key != last), turn[0])

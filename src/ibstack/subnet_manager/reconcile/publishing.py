# SPDX-License-Identifier: Apache-2.0
"""Bringing the file to what is desired: a master's into force, a standby's to be the same."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import PROOF_KEYS
from ibstack.subnet_manager.opensm.file_changes import file_of
from ibstack.subnet_manager.opensm.partitions_conf import render
from ibstack.subnet_manager.opensm.partitions_file_store import FileOwner, Found, NotOurFile, Order
from ibstack.subnet_manager.policy.plan import Expel, Step, apply, first_batch, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Partition, PartitionKey
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
    from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
    from ibstack.subnet_manager.reconcile.enforcement import Enforcer
    from ibstack.subnet_manager.reconcile.pass_context import PassContext

LOG = logging.getLogger(__name__)

_STEPS_LOGGED: Final = 20


class Publisher:
    """Writes the file of one fabric, as master or as standby."""

    def __init__(
        self,
        fabric: FabricView,
        publication: PartitionsFileStore,
        enforcer: Enforcer,
        full_default: frozenset[Guid],
    ) -> None:
        self._fabric = fabric
        self._publication = publication
        self._enforcer = enforcer
        self._full_default = full_default
        self.leaving: set[Step] = set()
        """What was expelled, and was not yet seen to have gone."""

    def look(self) -> Found:
        """Read the published file; NotOurFile where it must not be replaced."""
        found = self._publication.look()
        if found.whose in {FileOwner.OTHER, FileOwner.EDITED}:
            raise NotOurFile(self._publication.path, found)
        if found.whose is FileOwner.OURS and found.text and not self._publication.settled:
            self._publication.settle(found.text)
        return found

    def bring(self, now: PassContext, scratch: frozenset[Guid] = frozenset()) -> int:
        """Bring what is to be into force; in two publishes where a port changes its tenant.

        Returns how much was changed.  *scratch*: ports whose tables OpenSM is to write anew.
        """
        changed = 0
        shown = now.manager.proofs
        while True:
            found = self.look()
            have = {k: p for k, p in found.published.items() if k in now.mine}
            steps = plan(now.held.partitions, have, now.mine)
            batch = first_batch(steps, now.shared)
            file = self._file(found.proof or PROOF_KEYS[0], apply(batch, have), now, scratch)
            stands = not batch and render(file) == found.text
            if stands and self._enforcer.proved(found.proof, shown):
                return changed
            if stands and self._enforcer.written_by_us(found.proof):
                LOG.info("OpenSM no longer shows proof key %s: having it read again", found.proof)
                self._enforcer.prove_again(file)
                return changed
            self._enforcer.bring(file, shown or frozenset(), now.shared)
            self._after_publishing(batch, now)
            changed += max(len(batch), 1)
            if len(batch) == len(steps):
                return changed
            shown = self._fabric.proofs()
            self._see_out(batch, now)

    def follow(self, now: PassContext, ask_anew: Callable[[], None]) -> None:
        """Keep the file equal to the master's; it is read when this subnet manager takes over.

        The proof key says that the two are equal, so a file that may be old does not take it over.
        """
        found = self.look()
        proof, shown = found.proof or PROOF_KEYS[0], now.manager.proofs or frozenset()
        if shown and proof not in shown:
            proof = min(shown) if now.desired.trouble is None else proof
            ask_anew()  # The master has published what we may not have heard of.
        have = {k: p for k, p in found.published.items() if k in now.mine}
        steps = plan(now.held.partitions, have, now.mine)
        file = self._file(proof, apply(steps, have), now, frozenset())
        if render(file) != found.text:
            self._publication.settle(self._publication.publish(file, now.shared))
            self._after_publishing(steps, now)

    def _see_out(self, batch: list[Step], now: PassContext) -> None:
        gone = [step for step in batch if isinstance(step, Expel)]
        for step in self._enforcer.unmet(gone, now.shared):
            raise TryLater(f"cannot yet {step}, so its port may not enter another partition")

    def _after_publishing(self, steps: list[Step], now: PassContext) -> None:
        hosts = {member.guid: member.host for member in now.desired.members}
        for step in steps[:_STEPS_LOGGED]:
            LOG.info("%s: %s", hosts.get(step.guid, "gone from its host"), step)
        if len(steps) > _STEPS_LOGGED:
            LOG.info("and %d more steps", len(steps) - _STEPS_LOGGED)
        self.leaving.update(step for step in steps if isinstance(step, Expel))
        if now.held.next_due_s is None:
            self._publication.done(Order.ALLOW_REMOVALS)

    def _file(
        self,
        proof: PartitionKey,
        partitions: Mapping[PartitionKey, Partition],
        now: PassContext,
        scratch: frozenset[Guid],
    ) -> PartitionsFile:
        site = now.site.text
        # What is the site's keeps its index 0, whoever is still published with its GUID.
        physical = now.shared | self._full_default | now.site.guids
        return file_of(proof, partitions, physical, self._full_default, site, scratch)

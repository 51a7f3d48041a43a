# SPDX-License-Identifier: Apache-2.0
"""A walk that is only thought: it chooses as a real one does, and does nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from faults.breakages import BREAKAGES
from faults.operations import OPERATIONS
from faults.walk import steps_of
from faults.world import KEYS, World
from ibstack_lab.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.model import Place, Port
    from faults.walk import Step


class DryWorld(World):
    """One whose cloud does not run."""

    def _reach(self) -> None:
        pass

    def owe(self, what: str, port: Port, place: Place | None, do: Callable[[], object]) -> None:
        pass

    def harm(self, do: Callable[[], str | None]) -> str:
        return ""


def dry_walk(seed: int, steps: int) -> list[tuple[Step, str]]:
    """Return the steps of that seed, and what each does."""
    networks = dict.fromkeys(KEYS.values(), "")
    world = DryWorld(Cloud(Path("/nonexistent")), networks, random.Random())
    found = []
    for step, said, calm_is_due in steps_of(world, seed, steps):
        found.append((step, said))
        if calm_is_due:
            world.away.clear()
    return found


def not_done(seed: int, steps: int) -> list[str]:
    """Return the names of what that seed's first steps leave out."""
    done = {step for step, _ in dry_walk(seed, steps)}
    return sorted(step.__name__ for step in {*OPERATIONS, *BREAKAGES} - done)

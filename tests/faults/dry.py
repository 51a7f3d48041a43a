# SPDX-License-Identifier: Apache-2.0
"""A walk that is only thought: it chooses as a real one does, and does nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faults.breakages import BREAKAGES
from faults.hostile_host import HOSTILE_HOST
from faults.hostile_tenant import HOSTILE_TENANT
from faults.operations import OPERATIONS
from faults.walk import steps_of
from faults.world import KEYS, World
from ibstack_lab.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.attempts import Attempt
    from faults.model import Place, Port
    from faults.walk import Step


EVERY: Final = frozenset({*OPERATIONS, *BREAKAGES, *HOSTILE_HOST, *HOSTILE_TENANT})


class DryWorld(World):
    """One whose cloud does not run."""

    def _reach(self) -> None:
        pass

    def owe(self, what: str, port: Port, place: Place | None, do: Callable[[], object]) -> None:
        pass

    def attempt(self, attempt: Attempt) -> str:
        return attempt.what

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


def steps_to_all(seed: int, most: int) -> int:
    """Return after how many steps that seed has done everything; more than *most*: not by then."""
    left = set(EVERY)
    for number, (step, _) in enumerate(dry_walk(seed, most), 1):
        left.discard(step)
        if not left:
            return number
    return most + 1


def not_done(seed: int, steps: int) -> list[str]:
    """Return the names of what that seed's first steps leave out."""
    done = {step for step, _ in dry_walk(seed, steps)}
    return sorted(step.__name__ for step in EVERY - done)

# SPDX-License-Identifier: Apache-2.0
"""A random walk: operations, breakages and attempts in any order; what must hold at each calm."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import pymysql

from faults.breakages import BREAKAGES
from faults.hostile_host import HOSTILE_HOST
from faults.hostile_tenant import HOSTILE_TENANT
from faults.operations import OPERATIONS
from faults.siege import Besieged
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from faults.siege import Siege
    from faults.world import World

Step: TypeAlias = "Callable[[World], str | None]"
"""A line of one of the four tables."""

SHORT_SEED, SHORT_STEPS = 2748, 43
"""The walk of `make test`: every operation and every breakage, nearly all with guests at work."""
_STEPS_TO_A_CALM: Final = (5, 15)
_TABLES: Final[tuple[tuple[Mapping[Step, float], float], ...]] = (
    (OPERATIONS, 0.63),
    (BREAKAGES, 0.22),
    (HOSTILE_HOST, 0.09),
    (HOSTILE_TENANT, 0.06),
)
"""And how often a step is one of each, when all has been done once."""
_LINES: Final = sum(len(table) for table, _ in _TABLES)
_CALM_WITHIN_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.1
_STILL_S: Final = 0.3
_OVERTAKEN_S: Final = 1.0
"""For requests that were under way when a part was held: later ones must not overtake them."""
_SHOWN: Final = 60


class WalkFailed(AssertionError):
    """An invariant that does not hold although nothing is away."""


@dataclass(frozen=True)
class Walk:
    """Which one, of whom, and who is told of it."""

    world: World
    siege: Siege
    seed: int
    steps: int
    say: Callable[[str], None]

    def note(self, line: str) -> None:
        self.world.log.append(line)
        self.say(line)


def take(walk: Walk) -> None:
    """Take its steps; WalkFailed says how to take them again, and what was wrong."""
    world = walk.world
    for number, (_, said, calm_is_due) in enumerate(steps_of(world, walk.seed, walk.steps), 1):
        walk.note(f"{number}. {said}")
        if calm_is_due:
            calm(walk)


def steps_of(world: World, seed: int, steps: int) -> Iterator[tuple[Step, str, bool]]:
    """Take *steps* steps; yield each, what it did, and whether it is time for a calm.

    Which steps are taken depends on the seed and on the steps before, never on time.  What a walk
    has not done yet is chosen as often as what is most frequent, so that a short one does much.
    """
    world.rng.seed(seed)
    taken: set[Step] = set()
    until_calm = world.rng.randint(*_STEPS_TO_A_CALM)
    for number in range(1, steps + 1):
        step, said = _step(world, taken)
        taken.add(step)
        until_calm -= 1
        calm_is_due = not until_calm or number == steps
        yield step, said, calm_is_due
        if calm_is_due:
            until_calm = world.rng.randint(*_STEPS_TO_A_CALM)


def calm(walk: Walk) -> None:
    """Bring back what is away, do what was put off; return when every invariant holds."""
    began, world = time.monotonic(), walk.world
    held = world.is_slow
    for name in sorted(world.away):
        world.away.pop(name)()
    if held:
        time.sleep(_OVERTAKEN_S)
    _note_of_the_siege(walk, walk.siege.face)
    waited_for = _settle(walk)
    if _note_of_the_siege(walk, walk.siege.serve_a_bystander):
        _settle(walk)
    walk.note(f"calm after {time.monotonic() - began:.1f} s{waited_for}")


def _note_of_the_siege(walk: Walk, part: Callable[[], str]) -> bool:
    try:
        said = part()
    except Besieged as error:
        raise WalkFailed(_story(walk, "at the calm:", error.wrong)) from error
    if said:
        walk.note(said)
    return bool(said)


def _settle(walk: Walk) -> str:
    began, wrong, waited_for = time.monotonic(), ["nobody looked"], ""
    while wrong:
        if time.monotonic() - began > _CALM_WITHIN_S:
            raise WalkFailed(
                _story(walk, f"{_CALM_WITHIN_S:g} s after everything was back:", wrong)
            )
        wrong = _wrong(walk.world)
        if not wrong:
            time.sleep(_STILL_S)
            wrong = _wrong(walk.world)
        if wrong:
            waited_for = f", the last of it {wrong[0]}"
            time.sleep(_LOOK_EVERY_S)
    return waited_for


def clear(walk: Walk) -> None:
    """Unplug and delete what is left; every invariant holds, of a cloud without ports."""
    world = walk.world
    for port in list(world.model.ports):
        for place in sorted(port.plugged):
            port.plugged.remove(place)
            world.owe(f"unplug {port}", port, place, partial(world.unplug, port, place))
        port.exists, port.bound_to = False, port.bound_to or port.meant_for
        world.owe(f"delete {port}", port, port.bound_to, partial(world.delete, port))
        world.model.drop(port)
    walk.note("remove all ports")
    calm(walk)


def _step(world: World, taken: set[Step]) -> tuple[Step, str]:
    while True:
        tables = [table for table, _ in _TABLES]
        new = [len(table.keys() - taken) / _LINES for table in tables]
        often = [share + more for (_, share), more in zip(_TABLES, new, strict=True)]
        (table,) = world.rng.choices(tables, often)
        most = max(table.values())
        weights = [weight if step in taken else most for step, weight in table.items()]
        (chosen,) = world.rng.choices(list(table), weights)
        done = chosen(world)
        if done is not None:
            return chosen, done


def _wrong(world: World) -> list[str]:
    try:
        if not world.settle_debts():
            return [f"not done: {action.what}" for action in world.owed]
        return [str(broken) for broken in world.broken()]
    except (IbstackError, OSError, ValueError, pymysql.MySQLError) as error:
        return [f"cannot look: {error}"]  # A file that is being written, a server that starts.


def _story(walk: Walk, when: str, wrong: list[str]) -> str:
    again = f"IBSTACK_SEED={walk.seed} IBSTACK_STEPS={walk.steps}"
    return "\n".join(
        [
            when,
            *(f"  {each}" for each in wrong),
            f"the last steps of seed {walk.seed}:",
            *(f"  {line}" for line in walk.world.log[-_SHOWN:]),
            f"once more: {again} .venv/bin/pytest tests/faults",
        ]
    )

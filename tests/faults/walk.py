# SPDX-License-Identifier: Apache-2.0
"""A random walk: operations and breakages in any order, and what must hold after each calm."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from faults.breakages import BREAKAGES
from faults.operations import OPERATIONS
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from faults.world import World

Step: TypeAlias = "Callable[[World], str | None]"
"""A line of OPERATIONS or BREAKAGES."""

SHORT_SEED, SHORT_STEPS = 4021, 31
"""The walk of `make test`: every operation and every breakage, nearly all with guests at work."""
_STEPS_TO_A_CALM: Final = (5, 15)
_BROKEN_SHARE: Final = 0.25
_CALM_WITHIN_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.1
_STILL_S: Final = 0.3
_OVERTAKEN_S: Final = 1.0
"""For requests that were under way when a part was held: later ones must not overtake them."""
_SHOWN: Final = 60


class WalkFailed(AssertionError):
    """An invariant that does not hold although nothing is away."""


def walk(world: World, seed: int, steps: int, say: Callable[[str], None]) -> None:
    """Take *steps* steps; WalkFailed says how to take them again, and what was wrong."""
    for number, (_, said, calm_is_due) in enumerate(steps_of(world, seed, steps), 1):
        _note(world, f"{number}. {said}", say)
        if calm_is_due:
            calm(world, seed, steps, say)


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


def calm(world: World, seed: int, steps: int, say: Callable[[str], None]) -> None:
    """Bring back what is away, do what was put off; return when every invariant holds."""
    began = time.monotonic()
    held = world.is_slow
    for name in sorted(world.away):
        world.away.pop(name)()
    if held:
        time.sleep(_OVERTAKEN_S)
    wrong, waited_for = ["nobody looked"], ""
    while wrong:
        if time.monotonic() - began > _CALM_WITHIN_S:
            raise WalkFailed(_story(world, seed, steps, wrong))
        wrong = _wrong(world)
        if not wrong:
            time.sleep(_STILL_S)
            wrong = _wrong(world)
        if wrong:
            waited_for = f", the last of it {wrong[0]}"
            time.sleep(_LOOK_EVERY_S)
    _note(world, f"calm after {time.monotonic() - began:.1f} s{waited_for}", say)


def clear(world: World, seed: int, steps: int, say: Callable[[str], None]) -> None:
    """Unplug and delete what is left; every invariant holds, of a cloud without ports."""
    for port in list(world.model.ports):
        for place in sorted(port.plugged):
            port.plugged.remove(place)
            world.owe(f"unplug {port}", port, place, partial(world.unplug, port, place))
        port.exists, port.bound_to = False, port.bound_to or port.meant_for
        world.owe(f"delete {port}", port, port.bound_to, partial(world.delete, port))
        world.model.drop(port)
    _note(world, "remove all ports", say)
    calm(world, seed, steps, say)


def _step(world: World, taken: set[Step]) -> tuple[Step, str]:
    while True:
        table: Mapping[Step, float] = (
            BREAKAGES if world.rng.random() < _BROKEN_SHARE else OPERATIONS
        )
        most = max(table.values())
        weights = [often if step in taken else most for step, often in table.items()]
        (chosen,) = world.rng.choices(list(table), weights)
        done = chosen(world)
        if done is not None:
            return chosen, done


def _wrong(world: World) -> list[str]:
    try:
        if not world.settle_debts():
            return [f"not done: {deed.what}" for deed in world.owed]
        return [str(broken) for broken in world.broken()]
    except (IbstackError, OSError, ValueError) as error:
        return [f"cannot look: {error}"]  # A file that is being written, a server that starts.


def _note(world: World, line: str, say: Callable[[str], None]) -> None:
    world.log.append(line)
    say(line)


def _story(world: World, seed: int, steps: int, wrong: list[str]) -> str:
    return "\n".join(
        [
            f"{_CALM_WITHIN_S:g} s after everything was back:",
            *(f"  {each}" for each in wrong),
            f"the last steps of seed {seed}:",
            *(f"  {line}" for line in world.log[-_SHOWN:]),
            f"once more: IBSTACK_SEED={seed} IBSTACK_STEPS={steps} .venv/bin/pytest tests/faults",
        ]
    )

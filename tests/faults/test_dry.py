# SPDX-License-Identifier: Apache-2.0
"""Which steps a walk takes, without taking them."""

from __future__ import annotations

from faults.dry import dry_walk, not_done, steps_to_all
from faults.walk import SHORT_SEED, SHORT_STEPS

SEEDS_TRIED, LONGEST = 6_000, 60
"""About one in a thousand does everything in so few steps."""


def test_the_walk_of_make_test_has_every_operation_and_every_breakage() -> None:
    left_out = not_done(SHORT_SEED, SHORT_STEPS)

    assert not left_out, f"{advice()} does all"


def advice() -> str:
    """Return the seed and steps to take after a table was changed: the fewest steps that do all."""
    steps, seed = min((steps_to_all(seed, LONGEST), seed) for seed in range(SEEDS_TRIED))
    return f"seed {seed} with {steps} steps"


def test_the_same_seed_is_the_same_walk_and_another_is_not() -> None:
    walk = [said for _, said in dry_walk(1, 200)]

    assert [said for _, said in dry_walk(1, 200)] == walk
    assert [said for _, said in dry_walk(2, 200)] != walk


def test_a_long_walk_goes_on_with_what_a_shorter_one_has_done() -> None:
    assert dry_walk(1, 300)[:50] == dry_walk(1, 50)

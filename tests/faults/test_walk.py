# SPDX-License-Identifier: Apache-2.0
"""A random walk on a whole cloud.

IBSTACK_SEED and IBSTACK_STEPS choose another one, or the same once more; `make soak` takes long
ones.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from faults.walk import SHORT_SEED, SHORT_STEPS, calm, clear, walk

if TYPE_CHECKING:
    from faults.world import World

SEED: Final = int(os.environ.get("IBSTACK_SEED", SHORT_SEED))
STEPS: Final = int(os.environ.get("IBSTACK_STEPS", SHORT_STEPS))


@pytest.mark.timeout(300 + 8 * STEPS)  # The cloud starts first.
def test_after_each_calm_of_a_random_walk_every_invariant_holds(world: World) -> None:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", file=sys.stderr, flush=True)

    try:
        walk(world, SEED, STEPS, say)
        clear(world, SEED, STEPS, say)
    finally:
        for name in sorted(world.away):
            world.away.pop(name)()
    assert not world.model.ports
    calm(world, SEED, STEPS, say)

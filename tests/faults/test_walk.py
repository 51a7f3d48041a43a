# SPDX-License-Identifier: Apache-2.0
"""A random walk on a whole cloud.

IBSTACK_SEED and IBSTACK_STEPS choose another one, or the same once more; `make soak` takes long
ones.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from faults.siege import Siege
from faults.walk import SHORT_SEED, SHORT_STEPS, Walk, WalkFailed, calm, clear, take

if TYPE_CHECKING:
    from pathlib import Path

    from faults.world import World

SEED: Final = int(os.environ.get("IBSTACK_SEED", SHORT_SEED))
STEPS: Final = int(os.environ.get("IBSTACK_STEPS", SHORT_STEPS))


@pytest.mark.timeout(300 + 8 * STEPS)  # The cloud starts first.
def test_after_each_calm_of_a_random_walk_every_invariant_holds(
    world: World, tmp_path: Path
) -> None:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", file=sys.stderr, flush=True)

    siege = Siege.of(world)
    say(f"a port takes {siege.quiet_s:.1f} s when all is quiet")
    walk = Walk(world, siege, SEED, STEPS, say)
    try:
        take(walk)
        clear(walk)
    except WalkFailed as error:
        _keep_logs(world, tmp_path)
        raise WalkFailed(f"{error}\nthe logs of that cloud: {tmp_path}") from error
    finally:
        for name in sorted(world.away):
            world.away.pop(name)()
    assert not world.model.ports
    calm(walk)
    say(
        f"{siege.faced} attempts were told of; strangers were looked for at {siege.searched} calms"
        f" while lies stood; beside attempts {siege.served} ports took"
        f" {siege.longest_s:.1f} s at most, and {siege.quiet_s:.1f} s when all was quiet"
    )


def _keep_logs(world: World, folder: Path) -> None:
    """Keep what the daemons wrote: the cloud goes with its folder, and the next run is another."""
    for name in world.cloud.names:
        log = world.cloud.process(name).log
        if log.exists():
            shutil.copy(log, folder / f"{name}.log")

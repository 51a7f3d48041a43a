# SPDX-License-Identifier: Apache-2.0
"""The loop with a reconciler that holds state; real threads, no clock of our own."""

import threading
from collections.abc import Callable

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.runtime.loop import Loop, Outcome

LONG_S = 60.0
LIMIT_S = 10.0


class World:
    """Something to reconcile: it takes *steps* passes until there is nothing left to change."""

    def __init__(self, steps: int = 0, *, failing: bool = False) -> None:
        self.steps, self.failing = steps, failing
        self.passes = 0
        self.changed = threading.Condition()

    def once(self) -> Outcome:
        with self.changed:
            self.passes += 1
            self.changed.notify_all()
            if self.failing:
                return Outcome(failures=(TryLater("cannot reach the moon: it is far"),))
            if self.steps:
                self.steps -= 1
                return Outcome(changed=1)
            return Outcome()

    def wait_for(self, true: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(true, LIMIT_S)


def started(world: World, **times: float) -> tuple[Loop, threading.Thread]:
    loop = Loop(
        world,
        interval=lambda: times.get("interval", LONG_S),
        settle=times.get("settle", LONG_S),
        backoff=lambda failed: times.get("backoff", LONG_S),
        report=lambda outcome: None,
    )
    thread = threading.Thread(target=loop.run)
    thread.start()
    return loop, thread


def stop(loop: Loop, thread: threading.Thread) -> None:
    loop.stop()
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_a_nudge_causes_a_pass_long_before_the_interval() -> None:
    world = World()
    loop, thread = started(world)
    world.wait_for(lambda: world.passes == 1)
    loop.nudge()
    world.wait_for(lambda: world.passes >= 2)
    stop(loop, thread)


def test_a_pass_that_changed_something_is_followed_by_one_that_proves_it() -> None:
    world = World(steps=3)
    loop, thread = started(world, settle=0.001)
    world.wait_for(lambda: world.passes == 4 and world.steps == 0)
    stop(loop, thread)


def test_a_pass_that_failed_is_tried_again_after_the_backoff() -> None:
    world = World(failing=True)
    loop, thread = started(world, backoff=0.001)
    world.wait_for(lambda: world.passes >= 3)
    stop(loop, thread)


def test_a_trouble_that_lasts_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World(failing=True)
    loop, thread = started(world, backoff=0.001)
    world.wait_for(lambda: world.passes >= 5)
    stop(loop, thread)

    assert [record.getMessage() for record in caplog.records] == [
        "cannot reach the moon: it is far"
    ]


def test_stopping_is_never_lost() -> None:
    for _ in range(200):
        world = World()
        loop, thread = started(world)
        stop(loop, thread)


def test_a_bug_in_the_reconciler_ends_the_loop() -> None:
    class Broken:
        def once(self) -> Outcome:
            raise ZeroDivisionError

    loop = Loop(
        Broken(),
        interval=lambda: LONG_S,
        settle=LONG_S,
        backoff=lambda failed: LONG_S,
        report=lambda outcome: None,
    )
    with pytest.raises(ZeroDivisionError):
        loop.run()

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

from ibstack.runtime.waiting import wait_until


def test_what_is_true_is_not_waited_for() -> None:
    assert wait_until(lambda: "found", 0) == "found"


def test_it_asks_until_it_is_true() -> None:
    answers = iter(["", "", "found", "later"])

    assert wait_until(lambda: next(answers), 60, every_s=0) == "found"


def test_the_last_answer_says_that_it_was_in_vain() -> None:
    assert wait_until(list, 0.01, every_s=0.001) == []


def test_what_came_while_nobody_could_look_is_found() -> None:
    begun = time.monotonic()

    def is_so() -> bool:
        had_come = time.monotonic() > begun + 0.05
        time.sleep(0.1)
        return had_come

    assert wait_until(is_so, 0.01)

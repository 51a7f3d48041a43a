# SPDX-License-Identifier: Apache-2.0
"""Waiting for an answer that may never come, so that a command ends all the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError, TryLater

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.subnet_manager.reconcile.pass_context import Desired


def within(limit_s: float, call: Callable[[], Desired | None], doing: str) -> Desired | None:
    """Call in a thread, for the first message to a broker that is away waits without an end."""
    answers: list[Desired | IbstackError | None] = []

    def run() -> None:
        try:
            answers.append(call())
        except IbstackError as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit_s)
    if not answers:
        raise TryLater(f"cannot {doing}: no answer within {limit_s:g} s; is the broker running?")
    if isinstance(answers[0], IbstackError):
        raise answers[0]
    return answers[0]

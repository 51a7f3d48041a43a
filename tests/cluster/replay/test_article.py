# SPDX-License-Identifier: Apache-2.0
"""Every command of the article's shell does, as printed, what the article says it does."""

import pytest

from cluster.replay.article_commands import NO_BREAK, Step, steps
from cluster.replay.commands_page import BEGIN, PAGE, table
from cluster.replay.replayed import Replay

TYPED = [step for step in steps() if step.type in ("cmsh", "ours")]


def _named(step: Step) -> str:
    return f"{step.number}-{step.type}"


def test_the_list_has_all_of_the_articles_commands() -> None:
    assert sum(step.type == "cmsh" for step in steps()) == 44
    assert sum(step.type == "neutron" for step in steps()) == 4
    assert sum(NO_BREAK in step.printed for step in steps()) == 4


@pytest.mark.parametrize("step", TYPED, ids=_named)
def test_a_command_does_as_the_article_says(replayed: Replay, step: Step) -> None:
    outcome = replayed.outcomes[step.number]

    assert outcome.failures == 0
    assert tuple(line.rstrip() for line in outcome.prints) == step.prints
    if step.prompt:
        assert outcome.prompt == step.prompt
    assert set(step.events) <= set(outcome.events)
    assert outcome.answers == dict(step.then)


def test_the_reference_page_has_every_command() -> None:
    page = PAGE.read_text("utf-8")

    assert page.partition(BEGIN)[2].splitlines() == ["", *table()]

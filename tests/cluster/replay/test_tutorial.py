# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial/the-article.md: what it says one types and sees is what one types and sees."""

import re
from pathlib import Path

from cluster.article import HOSTS, starting_state
from cluster.replay.replayed import EVENT
from cluster.rollout.tree_cluster import tree_cluster
from ibstack.cluster.text_file.writing import export

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial" / "the-article.md"
_CONSOLE = re.compile(r"^```console\n(\[headnode.*?)^```", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"(\[headnode\S*\]% )(.+)")


def test_the_file_that_it_begins_with_is_the_articles_starting_state() -> None:
    text = TUTORIAL.with_suffix(".yaml").read_text()

    assert "".join(text.splitlines(keepends=True)[2:]) == export(starting_state())


def test_the_shell_answers_as_it_says(tmp_path: Path) -> None:
    cluster = tree_cluster(tmp_path, starting_state(), HOSTS)
    shown = [line for block in _console() for line in block.splitlines()]
    expected = [line for line in shown if line != "…" and not EVENT.fullmatch(line)]

    seen = []
    for line in shown:
        if found := _TYPED.fullmatch(line):
            seen.append(f"{cluster.session.prompt}{found[2]}")
            seen += cluster.type(found[2]).splitlines()

    assert [line.rstrip() for line in seen if not EVENT.fullmatch(line)] == expected


def _console() -> list[str]:
    text = TUTORIAL.read_text("utf-8")
    # The first block begins outside the shell.
    within = text[text.index("[headnode]% device power") :]
    return [f"{within.partition('```')[0]}", *_CONSOLE.findall(within)]

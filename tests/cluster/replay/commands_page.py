# SPDX-License-Identifier: Apache-2.0
"""The table of docs/reference/article-commands.md, as it follows from the recorded commands.

`PYTHONPATH=tests python -m cluster.replay.commands_page` writes it into the page.
"""

from __future__ import annotations

from pathlib import Path

from cluster.replay.article_commands import NO_BREAK, Step, steps

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "article-commands.md"
BEGIN = "<!-- from tests/recorded/article/commands.yaml: tests/cluster/replay/commands_page.py -->"
LONGEST = 120


def table() -> list[str]:
    """Return the page's lines about all commands."""
    rows = [_row(step) for step in steps() if step.type != "file"]
    return ["", "| | in the article | today | |", "|---|---|---|---|", *rows]


def _row(step: Step) -> str:
    if step.type == "cmsh":
        printed, today = _code(step.command), "the same, in `ibstack shell`"
    elif step.asks:
        printed = f"*{step.asks}*"
        today = "<br>".join(f"`ibstack shell`: {_code(each)}" for each in step.typed)
    else:
        printed = _code(step.command)
        now = _code(step.today) if step.today is not None else "nothing"
        today = "the same" if now == printed else now
    return f"| {step.number} | {printed} | {today} | {_cell(step.note)} |"


def _code(text: str) -> str:
    plain = " ".join(text.replace(NO_BREAK, " ").split())
    if len(plain) > LONGEST:
        plain = f"{plain[:LONGEST]}…"
    return f"`{_cell(plain)}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    kept = PAGE.read_text("utf-8").partition(BEGIN)[0]
    PAGE.write_text("\n".join([f"{kept}{BEGIN}", *table(), ""]), "utf-8")

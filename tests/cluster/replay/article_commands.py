# SPDX-License-Identifier: Apache-2.0
"""The commands of the article, as recorded in tests/recorded/article/commands.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

RECORDED = Path(__file__).parents[2] / "recorded/article"
NO_BREAK = "\u00a0"

# Three prompts are malformed in the article, and commands of the shell are once shown after a "#".
_PROMPT = re.compile(r"\[?headnode[^%]*\]?% |\[root@[^]]*\]# |# ")
_LEVEL = re.compile(r"([a-z]+)(?:\[([^]]+)\])?")
# The author's own head node shows through in two prompts.
_CALLED = {"masterdoop": "master"}


@dataclass(frozen=True)
class Step:
    """One command, or a few that the article only asks for."""

    number: int
    type: str
    printed: str = ""
    """The line of the article, with its prompt."""
    asks: str = ""
    typed: tuple[str, ...] = ()
    edits: str = ""
    on: str = ""
    """The host whose file is edited; empty: it is in a software image."""
    content: str = ""
    sed: str = ""
    brings: str = ""
    prompt: str = ""
    """Of the shell afterwards."""
    prints: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    then: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(what another shell is asked, what it answers)."""
    today: str | None = None
    note: str = ""

    @property
    def command(self) -> str:
        """What is typed: the line without its prompt, no-break spaces and all."""
        return self.printed[self._prompt_ends :]

    @property
    def place(self) -> tuple[str, ...]:
        """The statements that lead from the top to where the article's prompt says one is."""
        shown = self.printed[: self._prompt_ends].replace("*", "").replace("->", ">")
        inner = shown.removeprefix("[").removeprefix("headnode").removesuffix("% ")
        return place_of(inner.removesuffix("]")) if "headnode" in shown else ()

    @property
    def _prompt_ends(self) -> int:
        found = _PROMPT.match(self.printed)
        assert found is not None, self.printed
        return found.end()


def place_of(levels: str) -> tuple[str, ...]:
    """Return the statements for `>device[node001]>services`."""
    statements = []
    for level in filter(None, levels.split(">")):
        found = _LEVEL.match(level)
        assert found is not None, levels
        mode, name = found.groups()
        statements += [mode, f"use {_CALLED.get(name, name)}"] if name else [mode]
    return tuple(statements)


@cache
def steps() -> tuple[Step, ...]:
    """Return all of them, in the order of the article."""
    listed = YAML(typ="safe").load((RECORDED / "commands.yaml").read_text())
    return tuple(_step(**each) for each in listed)


def _step(
    prints_file: str = "",
    then: dict[str, str | list[str]] | None = None,
    **fields: Any,
) -> Step:
    for name in ("typed", "prints", "events"):
        fields[name] = tuple(fields.get(name, ()))
    if prints_file:
        fields["prints"] = _lines(RECORDED / prints_file)
    asked = {
        question: (answer,) if isinstance(answer, str) else tuple(answer)
        for question, answer in (then or {}).items()
    }
    return Step(then=tuple(asked.items()), **fields)


def _lines(path: Path) -> tuple[str, ...]:
    """Return lines that the page filled with no-break spaces, without what fills them."""
    return tuple(
        line.replace(NO_BREAK, " ").rstrip() for line in path.read_text("utf-8").splitlines()
    )

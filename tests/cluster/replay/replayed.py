# SPDX-License-Identifier: Apache-2.0
"""The article's commands typed into a shell, one after another, on hosts that are folders."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cluster.article import HOSTS, agent_script, starting_state
from cluster.replay.article_commands import RECORDED, Step, place_of, steps
from cluster.rollout.tree_cluster import NOW, TreeCluster, tree_cluster
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ibstack.cluster.model.state import State

_PLAYED: Final = ("cmsh", "ours", "file")
EVENT = re.compile(r"\w{3} \w{3} +\d+ [\d:]{8} \d{4} (\[(?:info|notice|warning|error)\] .*)")


@dataclass
class Outcome:
    """What a step led to."""

    failures: int
    prompt: str
    prints: tuple[str, ...]
    events: tuple[str, ...]
    answers: dict[str, tuple[str, ...]]
    """Of the other shell, by question."""


@dataclass
class Replay:
    """A cluster on which the article was replayed."""

    cluster: TreeCluster
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def state(self) -> State:
        return self.cluster.store.load()

    def ask(self, line: str) -> tuple[str, ...]:
        """Return what another shell answers, to whom only what is committed is known."""
        out = io.StringIO()
        cluster = self.cluster
        other = Session(
            cluster.store,
            COMMANDS,
            author="other",
            reach=cluster.reach,
            out=out,
            clock=lambda: NOW,
        )
        other.run(line)
        return tuple(out.getvalue().splitlines())

    def play(self, step: Step) -> None:
        if step.edits:
            self._edit(step)
            return
        before = self.cluster.session.output.failures
        if step.typed:
            printed = self.cluster.type("home", *step.typed, "home")
        else:
            self._go(step.place)
            printed = self.cluster.type(step.command)
        lines = printed.splitlines()
        self.outcomes[step.number] = Outcome(
            self.cluster.session.output.failures - before,
            self.cluster.session.prompt,
            tuple(line for line in lines if not EVENT.fullmatch(line)),
            tuple(found[1] for found in map(EVENT.fullmatch, lines) if found),
            {question: self.ask(question) for question, _ in step.then},
        )

    def install(self, step: Step) -> None:
        """Put the file there that the step's package brought."""
        target = self._place(step.brings)
        target.parent.mkdir(parents=True)
        target.write_text(agent_script(waits=False))

    def _edit(self, step: Step) -> None:
        target = self._place(step.edits, step.on)
        target.parent.mkdir(parents=True, exist_ok=True)
        if step.content:
            shutil.copy(RECORDED / step.content, target)
        else:
            subprocess.run(("sed", "-i", step.sed, str(target)), check=True)

    def _place(self, path: str, host: str = "") -> Path:
        root = self.cluster.root(host) if host else self.cluster.folder / "images"
        return root / path.lstrip("/")

    def _go(self, place: tuple[str, ...]) -> None:
        """Be where the article's prompt says, as its author was, by whatever was not printed."""
        prompt = self.cluster.session.prompt.replace("*", "").replace("->", ">")
        now = place_of(prompt.removeprefix("[headnode").removesuffix("]% "))
        wanted = tuple("use headnode" if each == "use master" else each for each in place)
        if now != wanted:
            assert self.cluster.type("home", *wanted) == ""


def replay(folder: Path) -> Replay:
    """Replay the article on its starting state; nothing is judged here."""
    return replay_of(folder, starting_state(), steps())


def replay_of(folder: Path, state: State, chosen: Iterable[Step]) -> Replay:
    """Replay *chosen* steps, in their order, on a cluster of *state*."""
    replayed = Replay(tree_cluster(folder, state, HOSTS))
    for step in chosen:
        if step.type in _PLAYED:
            replayed.play(step)
        elif step.brings:
            replayed.install(step)
    return replayed

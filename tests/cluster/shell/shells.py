# SPDX-License-Identifier: Apache-2.0
"""Shells on the article's cluster, in a store of their own, with played hosts."""

import io
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.article import starting_state
from cluster.shell.played_hosts import PlayedHosts
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.shell.interpreter import UnixCommands
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import Store, open_store

NOW = datetime(2014, 10, 17, 8, 42, 9, tzinfo=UTC)


class Errors(io.StringIO):
    """Marks what is written to it and puts it between the answers."""

    def __init__(self, out: io.StringIO) -> None:
        super().__init__()
        self._out = out
        self._at_start = True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            self._out.write(f"! {line}" if self._at_start else line)
            self._at_start = line.endswith("\n")
        return len(text)


@dataclass
class Shell:
    """A session, with all that it printed."""

    session: Session
    store: Store
    hosts: PlayedHosts | None
    out: io.StringIO

    def type(self, *lines: str) -> str:
        """Type lines, and return what they print; errors begin with `! `."""
        start = len(self.out.getvalue())
        for line in lines:
            self.session.run(line)
        return self.out.getvalue()[start:]


def new_store(folder: Path) -> Path:
    """Return the file of a store with the article's starting state."""
    path = folder / "article.db"
    store = open_store(f"sqlite:///{path}", clock=lambda: NOW)
    changes = [Change(entity.path, None, entity) for entity in starting_state()]
    store.commit(changes, base=State(), author="install")
    return path


def open_copy(template: Path, folder: Path) -> Store:
    """Return a store of its own, like the one in *template*."""
    for each in template.parent.glob(f"{template.name}*"):
        shutil.copy(each, folder / each.name)
    return open_store(f"sqlite:///{folder / template.name}", clock=lambda: NOW)


def open_shell(
    store: Store,
    *,
    author: str = "root",
    hosts: PlayedHosts | bool = True,
    unix: UnixCommands | None = None,
) -> Shell:
    """Return a shell on the store."""
    out = io.StringIO()
    played = PlayedHosts(store.load(), NOW) if hosts is True else hosts or None
    session = Session(
        store,
        COMMANDS,
        author=author,
        reach=played,
        out=out,
        err=Errors(out),
        unix=unix,
        clock=lambda: NOW,
    )
    return Shell(session, store, played, out)

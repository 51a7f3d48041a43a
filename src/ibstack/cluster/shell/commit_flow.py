# SPDX-License-Identifier: Apache-2.0
"""From edits to a commit: what is checked, what is saved, what is said of it.

At an object a commit saves that object; elsewhere everything that is not committed yet.  Commits
inside a foreach are gathered and saved as one when it ends, or when the next command looks at what
they bring about: so that a loop over all nodes is one entry of the history, and one `undo`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ibstack.cluster.config.checks import problems_of
from ibstack.cluster.model.catalogue import kind
from ibstack.cluster.model.naming import spoken
from ibstack.cluster.model.state import Draft
from ibstack.cluster.shell.tables import Column, Listing, lines
from ibstack.fabric.errors import IbstackError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.model.problem import Problem
    from ibstack.cluster.model.state import Change, State
    from ibstack.cluster.shell.output import Output
    from ibstack.cluster.store.commit import Commit

PROBLEM_COLUMNS = (Column("code", "Code"), Column("field", "Field"), Column("message", "Message"))


class CommitStore(Protocol):
    """What a shell needs of a store: the real one, or one that forgets (`--dry`, tests)."""

    def load(self, known: State | None = None) -> State: ...
    def commit(self, changes: Sequence[Change], *, base: State, author: str) -> State: ...
    def history(self, limit: int | None = None) -> Sequence[Commit]: ...
    def undo(self, number: int, *, author: str) -> State: ...
    def operator_stopped(self) -> frozenset[tuple[str, str]]: ...
    def keep_stopped(self, device: str, service: str) -> None: ...
    def let_start(self, device: str, service: str) -> None: ...


class CommitFlow:
    """A draft over a store's state, and the way of its edits into the store."""

    def __init__(
        self,
        store: CommitStore,
        author: str,
        output: Output,
        follow: Callable[[State, State], None],
    ) -> None:
        """*follow* lets the hosts follow a commit, from the state before it to the one after."""
        self.draft = Draft(store.load())
        self._store = store
        self._author = author
        self._output = output
        self._follow = follow
        self._gathered: dict[EntityPath, None] | None = None

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Gather commits of objects, and save them together in the end."""
        if self._gathered is not None:
            yield
            return
        self._gathered = {}
        try:
            yield
            self._flush()
        finally:
            self._gathered = None

    def before(self, at: EntityPath | None, *, changes: bool, looks_outside: bool) -> None:
        """Save what is gathered, if a command typed at *at* would meet or alter it.

        *changes*: it edits the object.  *looks_outside*: it looks at more than the draft.
        """
        if not self._gathered:
            return
        if looks_outside or (changes and (not at or at.top in self._gathered)):
            self._flush()

    def commit(self, at: EntityPath | None) -> None:
        """Save the object *at*, or everything; Refused where something in it is wrong."""
        if self._gathered is not None and at is not None:
            self._gathered[at.top] = None
            return
        changes = self._changes(at)
        if not changes and self.draft.edits:
            self._output.say("Nothing is changed here; what is changed elsewhere: home; commit")
        found = self.check(changes)
        self.say_problems(found)
        errors = sum(each.is_error for each in found)
        if errors:
            wrong = f"{errors} values are wrong" if errors > 1 else "a value is wrong"
            remedy = "set what the table names, or refresh"
            if len(changes) < len(self.draft.edits):
                # What it refers to may be there, and not be committed either.
                remedy += ", or commit all that is changed: home; commit"
            raise Refused(f"cannot commit: {wrong}, so nothing was saved; {remedy}")
        self._save(changes)

    def check(self, changes: Sequence[Change]) -> list[Problem]:
        """Return what is wrong with the objects as they would be saved."""
        found = problems_of(self._after(changes), (change.path for change in changes))
        return list(dict.fromkeys(found))

    def say_problems(self, found: Sequence[Problem]) -> None:
        """Print the table of what is wrong, if anything is."""
        if found:
            self._output.say(*lines(problem_listing(found)))

    def dry_run(self, at: EntityPath | None) -> tuple[Sequence[Change], Sequence[Problem]]:
        """Return what a commit would save, and what is wrong with it."""
        changes = self._changes(at)
        return changes, self.check(changes)

    def would_be(self, changes: Sequence[Change]) -> State:
        """Return the state after a commit of *changes*."""
        base = self.draft.base
        return base.with_changes(changes, base.revision + 1)

    def drop(self, unwanted: Callable[[EntityPath], bool]) -> None:
        """Forget the edits of the objects that *unwanted* says."""
        draft = self.draft
        kept = [change for change in draft.changes() if not unwanted(change.path)]
        self.draft = _draft(draft.base, kept)

    def take(self, head: State) -> None:
        """Go on with the store's state *head* under the edits that are left."""
        self.draft = self.draft.rebased(head)

    def _changes(self, at: EntityPath | None) -> tuple[Change, ...]:
        return self.draft.changes(at.top if at else None)

    def _after(self, changes: Sequence[Change]) -> Draft:
        """Return a draft with *changes* only: what is not saved with them is not there for them."""
        draft = self.draft
        if len(changes) == len(draft.edits):
            return draft
        return _draft(draft.base, changes)

    def _flush(self) -> None:
        """Save the gathered objects but for those in which something is wrong."""
        tops, self._gathered = self._gathered or {}, {}
        changes = [each for each in self.draft.changes() if each.path.top in tops]
        found = self.check(changes)
        self.say_problems(found)
        wrong = {each.path.top for each in found if each.is_error}
        self._save([each for each in changes if each.path.top not in wrong])
        if wrong:
            names = ", ".join(sorted(path.name for path in wrong))
            error = f"cannot commit {names}: a value is wrong; set what the table names, or refresh"
            self._output.complain(Refused(error))

    def _save(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        before = self.draft.base
        after = self._store.commit(changes, base=before, author=self._author)
        self.take(after)
        self._output.say(*_saved(changes, after))
        try:
            self._follow(before, after)
        except IbstackError as error:
            self._output.complain(error, " (the commit is saved)")


def _draft(base: State, changes: Iterable[Change]) -> Draft:
    """Return a draft of *base* with those edits only."""
    draft = Draft(base)
    listed = list(changes)
    for change in listed:
        if change.after is None and draft.get(change.path) is not None:
            draft.remove(change.path)
    for change in listed:
        if change.after is not None:
            draft.put(change.after)
    return draft


def problem_listing(found: Iterable[Problem]) -> Listing:
    """Return the table of what is wrong."""
    rows = tuple(
        {
            "code": "error" if each.is_error else "warning",
            "field": f"{spoken(each.path)}: {each.field}",
            "message": each.message,
        }
        for each in found
    )
    return Listing(PROBLEM_COLUMNS, rows)


def _saved(changes: Iterable[Change], after: State) -> list[str]:
    """Return what a commit says: how many objects of each mode were saved, and removed."""
    tops = dict.fromkeys(change.path.top for change in changes)
    saved = Counter(path.kind for path in tops if after.get(path))
    removed = Counter(path.kind for path in tops if not after.get(path))
    return [
        *(f"Successfully removed {n} {kind(name).plural}" for name, n in removed.items()),
        *(f"Successfully committed {n} {kind(name).plural}" for name, n in saved.items()),
    ]

# SPDX-License-Identifier: Apache-2.0
"""Commits of a session: what is checked, what is saved, what is said of it.

At an object a commit saves that object; elsewhere everything that is not committed yet.  Commits
inside a foreach are gathered and saved as one when it ends, or when the next command looks at what
they bring about: so that a loop over all nodes is one entry of the history, and one `undo`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ibstack.cluster.files.checks import problems_of
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
    from ibstack.cluster.shell.command import Command
    from ibstack.cluster.shell.session import Session

PROBLEM_COLUMNS = (Column("code", "Code"), Column("field", "Field"), Column("message", "Message"))


class Saving:
    """What a session has to save, and how it does."""

    def __init__(self, session: Session) -> None:
        self._session = session
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

    def before(self, command: Command) -> None:
        """Save what is gathered, if *command* would meet or alter it."""
        if not self._gathered:
            return
        at = self._session.place.owner
        if command.looks_outside or (command.changes and (not at or at.top in self._gathered)):
            self._flush()

    def commit(self, at: EntityPath | None) -> None:
        """Save the object *at*, or everything; Refused where something in it is wrong."""
        if self._gathered is not None and at is not None:
            self._gathered[at.top] = None
            return
        changes = self._changes(at)
        if not changes and self._session.draft.edits:
            self._session.say("Nothing is changed here; what is changed elsewhere: home; commit")
        found = self.check(changes)
        self.say_problems(found)
        errors = sum(each.is_error for each in found)
        if errors:
            wrong = f"{errors} values are wrong" if errors > 1 else "a value is wrong"
            remedy = "set what the table names, or refresh"
            if len(changes) < len(self._session.draft.edits):
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
            self._session.say(*lines(problem_listing(found)))

    def dry_run(self, at: EntityPath | None) -> tuple[Sequence[Change], Sequence[Problem]]:
        """Return what a commit would save, and what is wrong with it."""
        changes = self._changes(at)
        return changes, self.check(changes)

    def would_be(self, changes: Sequence[Change]) -> State:
        """Return the state after a commit of *changes*."""
        base = self._session.draft.base
        return base.with_changes(changes, base.revision + 1)

    def drop(self, unwanted: Callable[[EntityPath], bool]) -> None:
        """Forget the edits of the objects that *unwanted* says."""
        draft = self._session.draft
        kept = [change for change in draft.changes() if not unwanted(change.path)]
        self._session.draft = _draft(draft.base, kept)

    def take(self, head: State) -> None:
        """Go on with the store's state *head* under the edits that are left."""
        self._session.draft = self._session.draft.rebased(head)

    def follow(self, before: State, after: State) -> None:
        """Let the hosts follow a commit; what takes long is waited for if the session waits."""
        session = self._session
        if session.reaches_hosts:
            # Before a person Ctrl-C ends the waiting, and not what is waited for.
            apart = session.rest is not None
            session.jobs.start(session.reach.jobs(before, after), apart=apart)
            if session.waits:
                session.wait_for_jobs()
            with session.telling() as tell:
                session.reach.after_commit(before, after, tell)

    def _changes(self, at: EntityPath | None) -> tuple[Change, ...]:
        return self._session.draft.changes(at.top if at else None)

    def _after(self, changes: Sequence[Change]) -> Draft:
        """Return a draft with *changes* only: what is not saved with them is not there for them."""
        draft = self._session.draft
        if len(changes) == len(draft.edits):
            return draft
        return _draft(draft.base, changes)

    def _flush(self) -> None:
        """Save the gathered objects but for those in which something is wrong."""
        tops, self._gathered = self._gathered or {}, {}
        changes = [each for each in self._session.draft.changes() if each.path.top in tops]
        found = self.check(changes)
        self.say_problems(found)
        wrong = {each.path.top for each in found if each.is_error}
        self._save([each for each in changes if each.path.top not in wrong])
        if wrong:
            names = ", ".join(sorted(path.name for path in wrong))
            error = f"cannot commit {names}: a value is wrong; set what the table names, or refresh"
            self._session.complain(Refused(error))

    def _save(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        session = self._session
        before = session.draft.base
        after = session.store.commit(changes, base=before, author=session.author)
        self.take(after)
        session.say(*_saved(changes, after))
        try:
            self.follow(before, after)
        except IbstackError as error:
            session.complain(error, " (the commit is saved)")


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

# SPDX-License-Identifier: Apache-2.0
"""Commands that save, check, drop and take back changes."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.checks import problems_of
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.shell import tables
from ibstack.cluster.shell.command import Call, Command
from ibstack.cluster.shell.commands.properties import FORMAT
from ibstack.cluster.shell.commit_flow import problem_listing
from ibstack.cluster.shell.differences import as_objects, differences
from ibstack.cluster.shell.jobs import DONE
from ibstack.cluster.shell.options import Option
from ibstack.cluster.shell.tables import Listing, named_columns
from ibstack.fabric.errors import BadInput, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.shell.context import OnStore
    from ibstack.cluster.store.commit import Commit

_SHOWN: Final = 20
_JOBS: Final = named_columns("number", "job", "state", "percent", "started")
_COMMITS: Final = named_columns("number", "author", "time", "changes")


def _commit(shell: OnStore, call: Call) -> None:
    if call.arguments:
        raise BadInput(f"cannot commit {' '.join(call.arguments)}: it takes options only")
    at = shell.place.owner
    if not call.given.has("dry-run"):
        if call.given.has("format"):
            raise BadInput("cannot commit -f: it is for a dry run; write commit --dry-run -f json")
        with _waiting(shell, call):
            shell.commit_flow.commit(at)
        return
    changes, found = shell.commit_flow.dry_run(at)
    hosts: Sequence[str] = ()
    if changes:
        from ibstack.cluster.rollout.host_changes import (
            planned_unseen,  # A shell's start needs none of it.
        )

        plan = shell.hosts.backend.plan if shell.hosts.reached else planned_unseen
        hosts = plan(shell.draft.base, shell.commit_flow.would_be(changes))
    if tables.json_asked(call.given.get("format")):
        problems = tables.objects(problem_listing(found))
        answer = {"problems": problems, "changes": as_objects(changes), "hosts": list(hosts)}
        shell.output.say(tables.as_json(answer))
    else:
        shell.commit_flow.say_problems(found)
        shell.output.say(*differences(changes), *hosts)
        shell.output.say("Dry run: nothing was saved" if changes else "Nothing to commit")
    if any(each.is_error for each in found):
        raise Refused("cannot commit that: a value is wrong; set what the table names, or refresh")


@contextmanager
def _waiting(shell: OnStore, call: Call) -> Iterator[None]:
    """Wait for what takes long, or do not, as the options say."""
    if call.given.has("wait") and call.given.has("no-wait"):
        raise BadInput("cannot both wait and not wait; give one of --wait and --no-wait")
    before = shell.hosts.waits
    shell.hosts.waits = call.given.has("wait") or (before and not call.given.has("no-wait"))
    try:
        yield
    finally:
        shell.hosts.waits = before


def _jobs(shell: OnStore, call: Call) -> None:
    if call.arguments:
        raise BadInput(f"cannot list jobs {' '.join(call.arguments)}: it takes options only")
    shell.output.tell(list(shell.output.pending_events()))
    if call.given.has("wait"):
        shell.hosts.wait_for_jobs()
    rows = tuple(
        {
            "number": each.number,
            "job": str(each.job),
            "state": each.state,
            "percent": 100 if each.state == DONE else each.job.percent(),
            "started": f"{each.started:%Y-%m-%dT%H:%M:%S%z}",
        }
        for each in shell.hosts.jobs.entries
    )
    listing = Listing(_JOBS, rows)
    shell.output.say(*tables.printed(listing, call.given.get("format"), "No jobs"))


def _validate(shell: OnStore, call: Call) -> None:
    draft = shell.draft
    at = shell.place.owner
    paths: list[EntityPath]
    if at is not None:
        paths = [at.top, *(each.path for each in draft.inside(at.top))]
    else:
        paths = [each for each in sorted(draft.edits) if _is_here(shell, each)]
        if not paths:
            tops = draft.children(None, [shell.place.mode] if shell.place.mode else KINDS)
            paths = [each.path for top in tops for each in (top, *draft.inside(top.path))]
    found = problems_of(draft, paths)
    if tables.json_asked(call.given.get("format")):
        shell.output.say(tables.json_rows(problem_listing(found)))
    else:
        shell.commit_flow.say_problems(found)
        if not found:
            shell.output.say("All good")
    if any(each.is_error for each in found):
        raise Refused("cannot commit that: a value is wrong; set what the table names")


def _is_here(shell: OnStore, path: EntityPath) -> bool:
    return not shell.place.mode or path.top.kind == shell.place.mode


def _refresh(shell: OnStore, call: Call) -> None:
    if call.arguments:
        raise BadInput(f"cannot refresh {' '.join(call.arguments)}: use it first, then refresh")
    at = shell.place.owner
    if at is not None:
        shell.commit_flow.drop(lambda path: path.is_inside(at.top))
    else:
        shell.commit_flow.drop(lambda path: _is_here(shell, path))
    shell.commit_flow.take(shell.store.load(shell.draft.base))


def _history(shell: OnStore, call: Call) -> None:
    if len(call.arguments) > 1:
        raise BadInput("cannot tell the history: expected history [NUMBER]")
    if call.arguments:
        commit = _numbered(shell, call.arguments[0])
        if tables.json_asked(call.given.get("format")):
            shell.output.say(
                tables.as_json({**_row(commit), "objects": as_objects(commit.changes)})
            )
        else:
            shell.output.say(str(commit), *differences(commit.changes))
        return
    limit = call.given.get("limit") or str(_SHOWN)
    if not limit.isdecimal():
        raise BadInput(f"cannot tell the history: {limit!r} is not a number; write history -l 50")
    commits = shell.store.history(int(limit))
    rows = tuple(_row(each) for each in commits)
    shell.output.say(*tables.printed(Listing(_COMMITS, rows), call.given.get("format")))


def _row(commit: Commit) -> dict[str, tables.Cell]:
    return {
        "number": commit.number,
        "author": commit.author,
        "time": f"{commit.at:%Y-%m-%dT%H:%M:%SZ}",
        "changes": _counted(commit),
    }


def _numbered(shell: OnStore, text: str) -> Commit:
    commits = shell.store.history(None)
    for each in commits:
        if str(each.number) == text:
            return each
    last = commits[0].number if commits else 0
    raise BadInput(f"cannot tell of commit {text}: there is no such commit; the last is {last}")


def _counted(commit: Commit) -> str:
    tops = dict.fromkeys(change.path.top for change in commit.changes)
    counts = Counter(path.kind for path in tops)
    return ", ".join(_some(n, kind, tops) for kind, n in counts.items())


def _some(count: int, kind: str, tops: Sequence[EntityPath] | dict[EntityPath, None]) -> str:
    if count == 1:
        return f"{kind} {next(path.name for path in tops if path.kind == kind)}"
    return f"{count} {KINDS[kind].plural}"


def _undo(shell: OnStore, call: Call) -> None:
    with _waiting(shell, call):
        _take_back(shell, call)


def _take_back(shell: OnStore, call: Call) -> None:
    if len(call.arguments) > 1 or not all(text.isdecimal() for text in call.arguments):
        raise BadInput("cannot undo: expected undo [NUMBER]; history lists commits")
    if call.arguments:
        number = int(call.arguments[0])
    else:
        last = shell.store.history(1)
        if not last:
            raise Refused("cannot undo: nothing was committed yet")
        number = last[0].number
    before = shell.store.load(shell.draft.base)
    after = shell.store.undo(number, author=shell.author)
    shell.commit_flow.take(after)
    shell.output.say(f"Successfully undid commit {number} by commit {after.revision}")
    shell.hosts.follow(before, after)


_WAIT: Final = (
    Option("w", "wait", "", "return when images are copied; so it is in scripts"),
    Option("N", "no-wait", "", "go on while images are copied; so it is in a terminal"),
)

COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "jobs",
        "List what commits asked for and takes long: copies of images, and how far they are.",
        "[-f json] [-w]",
        "jobs",
        _jobs,
        options=(FORMAT, Option("w", "wait", "", "first wait until all have ended")),
        of_no_object=True,
    ),
    Command(
        "commit",
        "Save: at an object, that object; elsewhere all that is not saved yet.",
        "[-f json] [-w] [--no-wait] [--dry-run]",
        "commit --dry-run",
        _commit,
        options=(
            Option("f", "format", "FORMAT", "of a dry run: table or json"),
            *_WAIT,
            Option("n", "dry-run", "", "show what would be saved, and what hosts would get"),
        ),
    ),
    Command(
        "validate",
        "Check what commit checks: the object, or what is not saved, or all of the mode.",
        "[-f json]",
        "device validate",
        _validate,
        options=(FORMAT,),
    ),
    Command(
        "refresh",
        "Drop what is not saved, of the object or the mode; see what others have committed.",
        "",
        "device refresh",
        _refresh,
        changes=True,
        looks_outside=True,
    ),
    Command(
        "history",
        "List the last commits, or tell what one changed.",
        "[-f json] [-l LIMIT] [NUMBER]",
        "history 12",
        _history,
        options=(FORMAT, Option("l", "limit", "COUNT", "how many; 20 where it is not given")),
        of_no_object=True,
        looks_outside=True,
    ),
    Command(
        "undo",
        "Take back a commit, the last one where none is named, by a new commit.",
        "[-w] [--no-wait] [NUMBER]",
        "undo 12",
        _undo,
        options=_WAIT,
        looks_outside=True,
    ),
)

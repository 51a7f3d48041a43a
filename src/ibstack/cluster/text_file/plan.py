# SPDX-License-Identifier: Apache-2.0
"""What it takes to make a cluster what a file says.  The file is all there is: the rest goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.config.checks import problems_of
from ibstack.cluster.model.base_partition import BASE_PARTITION
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.naming import meant, spoken
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.store.commit import same_object
from ibstack.cluster.text_file.nodes import BadFile, Fault, Position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.problem import Problem
    from ibstack.cluster.text_file.reading import ClusterFile


def changes_to(present: State, wanted: State) -> tuple[Change, ...]:
    """Return what differs, in the order of paths."""
    paths = {each.path for each in present} | {each.path for each in wanted}
    found = (Change(path, present.get(path), wanted.get(path)) for path in sorted(paths))
    return tuple(each for each in found if not same_object(each.before, each.after))


def plan(present: State, file: ClusterFile) -> tuple[Change, ...]:
    """Return the changes that make *present* what the file says; BadFile where they must not be."""
    changes = changes_to(present, file.state)
    faults = [
        Fault(file.position(each.path, _name(each)), _message(file.state, each))
        for each in wrong(file.state, changes)
    ]
    if present.get(BASE_PARTITION) is not None and file.state.get(BASE_PARTITION) is None:
        faults.append(
            Fault(Position(), f"it has no {spoken(BASE_PARTITION)}, which cannot be removed")
        )
    if faults:
        raise BadFile(file.name, tuple(sorted(set(faults))))
    return changes


def wrong(wanted: State, changes: Sequence[Change]) -> tuple[Problem, ...]:
    """Return what must not be committed in the objects that *changes* touch."""
    found = problems_of(wanted, (each.path for each in changes))
    return tuple(each for each in found if each.is_error)


def _name(problem: Problem) -> str:
    return "".join(problem.field.split()).lower()


def _message(wanted: State, problem: Problem) -> str:
    """Return the problem, with the nearest name where it names what there is not."""
    kind = KINDS[problem.path.kind].references.get(_name(problem))
    word = problem.message.rpartition(" ")[2]
    names = wanted.names(kind) if kind is not None else [word]
    return f"{problem}{'' if word in names else meant(word, names)}"

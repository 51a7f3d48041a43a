# SPDX-License-Identifier: Apache-2.0
"""What `validate` and `commit` find wrong: with objects, and with what they say of hosts' files."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from ibstack.cluster.model import checks
from ibstack.cluster.model.problem import Problem, error
from ibstack.formats.secrets import hidden_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.model.state import View

_MODIFICATIONS = "configfilemodifications"


def problems(view: View, path: EntityPath) -> tuple[Problem, ...]:
    """Return what is wrong with the object, errors first; for a removed one, who still uses it."""
    found = [*checks.problems(view, path), *_modifications(view, path)]
    return tuple(sorted(found, key=lambda problem: not problem.is_error))


def problems_of(view: View, paths: Iterable[EntityPath]) -> tuple[Problem, ...]:
    """Return what is wrong with the objects, in their order."""
    return tuple(chain.from_iterable(problems(view, path) for path in paths))


def _modifications(view: View, path: EntityPath) -> Iterator[Problem]:
    entity = view.get(path)
    if entity is None or not entity.values.get(_MODIFICATIONS):
        return
    # Knows all files that there are: a shell that checks no such role need not wait for it.
    from ibstack.cluster.config.refused import refused_modifications

    for item, why in refused_modifications(view, path):
        yield error(path, _MODIFICATIONS, f"{hidden_item(item)!r}: {why}")

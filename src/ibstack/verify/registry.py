# SPDX-License-Identifier: Apache-2.0
"""Every check there is.  A new one is a function below `checks/` with `@rule(…)` above it."""

from __future__ import annotations

import enum
import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from ibstack.verify.check import Rule, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.facts.site import Site
    from ibstack.verify.check import Check


class Scope(enum.Enum):
    """What is looked at."""

    HOST = "host"
    FABRIC = "fabric"
    CLOUD = "cloud"


@cache
def rules(scope: Scope) -> tuple[Rule, ...]:
    """Return the rules of one scope, in order of their ids."""
    package = import_module(f"ibstack.verify.{scope.value}.checks")
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    modules = [import_module(f"{package.__name__}.{name}") for name in names]
    found = (each for module in modules for each in vars(module).values() if type(each) is Rule)
    return tuple(sorted(found, key=lambda rule: rule.id))


def verify(site: Site, scopes: Iterable[Scope]) -> list[Check]:
    """Return every answer of every rule of *scopes*."""
    return [check for scope in scopes for rule in rules(scope) for check in run(rule, site)]

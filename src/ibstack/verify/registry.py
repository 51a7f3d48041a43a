# SPDX-License-Identifier: Apache-2.0
"""Every check there is.  A new one is one file: a module below `checks/` that has a `RULE`."""

from __future__ import annotations

import enum
import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from ibstack.verify.check import answers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.verify.check import Check, Rule
    from ibstack.verify.site import Site


class Scope(enum.Enum):
    """What is looked at."""

    HOST = "host"
    FABRIC = "fabric"
    CLOUD = "cloud"


@cache
def rules(scope: Scope) -> tuple[Rule, ...]:
    """Return the rules of one scope, in order of their modules' names."""
    package = import_module(f"ibstack.verify.{scope.value}.checks")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(import_module(f"{package.__name__}.{name}").RULE for name in names)


def verify(site: Site, scopes: Iterable[Scope]) -> list[Check]:
    """Return every answer of every rule of *scopes*."""
    return [check for scope in scopes for rule in rules(scope) for check in answers(rule, site)]

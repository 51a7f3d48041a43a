# SPDX-License-Identifier: Apache-2.0
"""Members that a later word overrides: OpenSM lets the last one win, and says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.remark import Effect, Remark
from ibstack.formats.partitions_conf.statement import Keyword, spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PartitionKey
    from ibstack.formats.partitions_conf.statement import Standing, Statement

_SPAN: Final = {Keyword.ALL: 2, Keyword.ALL_CAS: 1, Keyword.ALL_SWITCHES: 1, Keyword.ALL_ROUTERS: 1}


def overridden(statements: Iterable[Statement]) -> Iterator[Remark]:
    """Yield a remark for each member that ends up otherwise than a statement says."""
    said: dict[PartitionKey, dict[Guid | Keyword, Standing]] = {}
    for statement in statements:
        before = said.setdefault(statement.key, {})
        for member in statement.members:
            who, standing = member.who, member.standing
            if before.setdefault(who, standing) is not standing:
                what = f"{spell(who)} is {before[who].value} and {standing.value} member of"
                yield Remark(statement.line, f"{what} {statement.key}", Effect.OTHERWISE)
            if isinstance(who, Keyword) and who in _SPAN:
                yield from _by_many(statement, who, standing, before)


def _by_many(
    statement: Statement, wide: Keyword, standing: Standing, before: dict[Guid | Keyword, Standing]
) -> Iterator[Remark]:
    for who, earlier in before.items():
        span = _SPAN.get(who, 0) if isinstance(who, Keyword) else 0
        if span < _SPAN[wide] and earlier is not standing:
            yield Remark(
                statement.line,
                f"{wide.value}={standing.value} overrides what is said of {spell(who)}"
                f" before it in {statement.key}: put {wide.value} first",
                Effect.OTHERWISE,
            )

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
    from ibstack.formats.partitions_conf.statement import MembershipFlag, Statement

_SPAN: Final = {Keyword.ALL: 2, Keyword.ALL_CAS: 1, Keyword.ALL_SWITCHES: 1, Keyword.ALL_ROUTERS: 1}


def overridden(statements: Iterable[Statement]) -> Iterator[Remark]:
    """Yield a remark for each member that ends up otherwise than a statement says."""
    said: dict[PartitionKey, dict[Guid | Keyword, MembershipFlag]] = {}
    for statement in statements:
        before = said.setdefault(statement.key, {})
        for member in statement.members:
            who, flag = member.who, member.membership_flag
            if before.setdefault(who, flag) is not flag:
                what = f"{spell(who)} is {before[who].value} and {flag.value} member of"
                yield Remark(statement.line, f"{what} {statement.key}", Effect.OTHERWISE)
            if isinstance(who, Keyword) and who in _SPAN:
                yield from _by_many(statement, who, flag, before)


def _by_many(
    statement: Statement,
    wide: Keyword,
    flag: MembershipFlag,
    before: dict[Guid | Keyword, MembershipFlag],
) -> Iterator[Remark]:
    for who, earlier in before.items():
        span = _SPAN.get(who, 0) if isinstance(who, Keyword) else 0
        if span < _SPAN[wide] and earlier is not flag:
            yield Remark(
                statement.line,
                f"{wide.value}={flag.value} overrides what is said of {spell(who)}"
                f" before it in {statement.key}: put {wide.value} first",
                Effect.OTHERWISE,
            )

# SPDX-License-Identifier: Apache-2.0
"""Objects, commits and what they changed, the head, and services on hold.

MariaDB cannot take a CREATE TABLE back: what an attempt that was killed left is taken as it is.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# MariaDB compares `a` and `A`, and `a` and `a `, as equal unless told otherwise; its text ends at
# 64 kB where no length is given.
_COLLATION: Final = "utf8mb4_nopad_bin"
_LONG: Final = sa.Text().with_variant(sa.Text(2**32 - 1, collation=_COLLATION), "mysql")


def _name(length: int = 250) -> Any:
    return sa.String(length).with_variant(sa.String(length, collation=_COLLATION), "mysql")


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        *columns,
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate=_COLLATION,
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def upgrade() -> None:
    _table(
        "cluster_objects",
        sa.Column("path", _name(500), primary_key=True),
        sa.Column("kind", _name(), nullable=False),
        sa.Column("type", _name(), nullable=False),
        sa.Column("properties", _LONG, nullable=False),
    )
    op.create_index("ix_cluster_objects_kind", "cluster_objects", ["kind"], if_not_exists=True)
    _table(
        "cluster_commits",
        _number("number"),
        sa.Column("author", _LONG, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
    )
    _table(
        "cluster_changes",
        _number("number"),
        sa.Column("path", _name(500), primary_key=True),
        sa.Column("before", _LONG),
        sa.Column("after", _LONG),
    )
    _table("cluster_head", _number("id"), sa.Column("number", sa.Integer, nullable=False))
    _table(
        "cluster_holds",
        sa.Column("device", _name(), primary_key=True),
        sa.Column("service", _name(), primary_key=True),
    )
    head = sa.table("cluster_head", sa.column("id", sa.Integer), sa.column("number", sa.Integer))
    if op.get_bind().execute(sa.select(head.c.id)).first() is None:
        op.execute(head.insert().values(id=1, number=0))

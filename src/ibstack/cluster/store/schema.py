# SPDX-License-Identifier: Apache-2.0
"""The store's tables as statements need them.  Migrations make them: tests compare the two.

Engine, collation and length of MariaDB's columns stand only there: to name them here would import
its dialect into every shell, which takes a tenth of the time in which one must start.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

LONGEST_PATH: Final = 500
"""Characters: four bytes each of them still fit into an index of PostgreSQL and MariaDB."""
LONGEST_NAME: Final = 250
LARGEST_BYTES: Final = 3 << 20
"""Of an object's values as JSON: twice, and escaped, they fit into MariaDB's packet of 16 MB."""

METADATA: Final = MetaData()

OBJECTS: Final = Table(
    "cluster_objects",
    METADATA,
    Column("path", String(LONGEST_PATH), primary_key=True),
    Column("kind", String(LONGEST_NAME), nullable=False, index=True),
    Column("type", String(LONGEST_NAME), nullable=False),
    Column("properties", Text, nullable=False),
)
"""All objects as of the last commit.  `properties`: JSON, in ASCII."""

COMMITS: Final = Table(
    "cluster_commits",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("at", String(40), nullable=False),
)
"""`at`: UTC, as ISO 8601 writes it."""

CHANGES: Final = Table(
    "cluster_changes",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("path", String(LONGEST_PATH), primary_key=True),
    Column("before", Text),
    Column("after", Text),
)
"""What each commit did: the object before and after, as JSON; null: it was, or is, not there."""

HEAD: Final = Table(
    "cluster_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
)
"""One row: the number of the last commit.  Who commits holds its lock."""

OPERATOR_STOPPED: Final = Table(
    "cluster_holds",
    METADATA,
    Column("device", String(LONGEST_NAME), primary_key=True),
    Column("service", String(LONGEST_NAME), primary_key=True),
)
"""The services that an operator stopped, and which stay stopped."""

VERSION_TABLE: Final = "cluster_version"
VERSIONS: Final = ("0001",)
"""The revisions of the schema, the oldest first; a store of another one is newer than this code."""

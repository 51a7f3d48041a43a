# SPDX-License-Identifier: Apache-2.0
"""Whether anything has changed in Neutron, found in one pass over two tables.

Why that is sure: docs/decisions/0151-nothing-new-is-known-from-revisions.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from neutron_lib.db import api as db_api

from ibstack.fabric.neutron_names import MELLANOX_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterable

# One pass over each of two tables, without a join: each join is 30 ms for 20,000 ports.  Each sum
# of that pass costs, so there is one; the highest id is read from the index, as it is not among
# them.  A sum of whole numbers is a decimal to the server and takes it longer than one of doubles,
# which is as exact up to 2**53.  Each report counts by the first 64 bits of its SHA-1, which takes
# half of the time of MD5 where the processor knows it.
_SUMS = sa.text(
    "SELECT COUNT(*), SUM(id * (revision_number + 1e0)), ("
    "SELECT MAX(id) FROM standardattributes"
    "), ("
    "SELECT BIT_XOR(CAST(CONV(LEFT(SHA1(CONCAT(host, ' ', configurations)), 16), 16, 10)"
    " AS UNSIGNED)) FROM agents WHERE agent_type = :agent_type"
    ") FROM standardattributes"
).bindparams(agent_type=MELLANOX_AGENT)
_NEVER_REUSE_NUMBERS: Final = frozenset({"mysql", "mariadb"})


@dataclass(frozen=True, slots=True)
class RevisionStamp:
    """Equal to an earlier one only where nothing of what is desired of a fabric has changed since.

    Neutron's revision plugin, which every Neutron loads, raises the revision of a port with every
    change of it, of its binding and of the levels of that, and of a segment with every change of it
    (`revises_on_change` in Neutron's models).  What is made gets a higher id than all before.  So
    an equal highest id means that nothing was made that still is, an equal number then that nothing
    was taken away, and an equal sum then that no revision was raised.
    """

    resources: tuple[int, ...]
    """Of all that has a revision: number, sum of id x (revision + 1), highest id."""
    waiting: tuple[str, ...]
    """The ports that wait for IB_FABRIC: Neutron gives them no revision for that."""
    reports: int
    """A hash of what the agents report about themselves."""


def revision_stamp(context: Any, waiting: Iterable[str]) -> RevisionStamp | None:
    """Return what tells whether to read the rest: 3 ms for 20,000 ports and 1,000 agents.

    *waiting*: the ports that wait for IB_FABRIC.  None where that is not known: SQLite gives the
    number of what was deleted last to what is made next.
    """
    with db_api.CONTEXT_READER.using(context):
        if context.session.get_bind().dialect.name not in _NEVER_REUSE_NUMBERS:
            return None
        *resources, reports = context.session.execute(_SUMS).one()
    return RevisionStamp(
        tuple(int(each or 0) for each in resources), tuple(sorted(waiting)), int(reports)
    )

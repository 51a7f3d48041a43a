# SPDX-License-Identifier: Apache-2.0
"""Judging alone, by all that is committed now: what two transactions at once must not both pass.

A transaction on MariaDB sees what was committed when it first looked (REPEATABLE READ).  So who
judges by it misses what another, who judges at the same moment, is about to commit.  A second
connection locks rows until the first one's transaction has ended, and looks after it has the lock:
whoever comes next has to wait for the lock, and then sees what the first has done.

With several servers of Galera a lock is that of one server: two that write to different ones may
pass together.  HAProxy in front of them, as OpenStack's guides have it, writes to one.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from neutron_lib import context as neutron_context
from neutron_lib.db import api as db_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCKS_ROWS: Final = frozenset({"mysql", "mariadb"})


def alone(context: Any, rows: Any) -> Any:
    """Return a context that sees all that is committed, once *rows* (a select) are locked.

    To be called inside a transaction of *context*, and good until that ends.  On SQLite, which has
    one writer at a time, it is *context* itself.
    """
    session = context.session
    if session.get_bind().dialect.name not in _LOCKS_ROWS:
        return context
    second = neutron_context.get_admin_context()
    # Not a `with`: it lasts longer than this function.
    transaction = db_api.CONTEXT_WRITER.using(second)
    transaction.__enter__()
    _after(session, lambda: transaction.__exit__(None, None, None))
    second.session.execute(rows.with_for_update()).all()
    return second


@contextmanager
def after_those_alone(context: Any, rows: Any) -> Iterator[None]:
    """See all that is committed, that of those too who hold *rows* alone: wait for them.

    Others may look so at the same time.  To be called outside of transactions: of two that have
    committed, and look then, the second one to do so sees the first.
    """
    with db_api.CONTEXT_WRITER.using(context):
        context.session.execute(rows.with_for_update(read=True)).all()
        yield


def _after(session: Any, action: Callable[[], None]) -> None:
    """Do *action* when the outermost transaction of *session* has ended, however it did."""
    actions = [action]

    # It stays with the session, which Neutron makes for one transaction: SQLAlchemy goes through
    # its listeners while it calls them, so none can be taken away then.
    def ended(_session: Any, transaction: Any) -> None:
        if transaction.parent is None and actions:
            actions.pop()()

    sa.event.listen(session, "after_transaction_end", ended)

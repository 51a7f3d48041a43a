# SPDX-License-Identifier: Apache-2.0
"""What a database says when it cannot, as one line: what, where, and what to do."""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ibstack.fabric.errors import BadInput, IbstackError, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble: what the caller does next, and what a person is told."""

    error: type[IbstackError]
    said: str
    """Empty: in the database's own words."""
    remedy: str


_LOCKED: Final = Trouble(TryLater, "another program is committing", "try again")
_FULL: Final = Trouble(TryLater, "the disk is full", "make room and try again")
_READ_ONLY: Final = Trouble(BadInput, "it is read-only", "use an account that may write to it")
_AWAY: Final = Trouble(TryLater, "", "see that the database server runs, and try again")
_DENIED: Final = Trouble(BadInput, "", "mend the account or its rights")
_NO_SUCH: Final = Trouble(BadInput, "", "create it, or mend the store's URL")
_DAMAGED: Final = Trouble(BadInput, "the file is damaged", "restore a backup")
_NO_DATABASE: Final = Trouble(BadInput, "the file is not a database", "mend the store's URL")
_CANNOT_OPEN: Final = Trouble(
    BadInput, "the file cannot be opened", "its folder must be there, and writable"
)
_TOO_LARGE: Final = Trouble(
    BadInput, "a value is too large for the server", "raise its max_allowed_packet"
)
_FAILED: Final = Trouble(IbstackError, "", "")

_SQLITE: Final = {
    5: _LOCKED,  # SQLITE_BUSY
    6: _LOCKED,
    8: _READ_ONLY,
    10: Trouble(TryLater, "", "see that its disk is well, and try again"),  # SQLITE_IOERR
    11: _DAMAGED,
    13: _FULL,
    14: _CANNOT_OPEN,
    26: _NO_DATABASE,
    4874: _FULL,  # SQLITE_IOERR_SHMSIZE: the write-ahead log's index could not grow
}
"""By extended or primary result code: https://www.sqlite.org/rescode.html."""

_POSTGRESQL: Final = {
    "08": _AWAY,
    "28": _DENIED,
    "3D": _NO_SUCH,
    "40": _LOCKED,
    "42": _DENIED,
    "53100": _FULL,
    "53": _AWAY,
    "55P03": _LOCKED,
    "57": _AWAY,
    "25006": _READ_ONLY,
}
"""By SQLSTATE or its class: PostgreSQL manual, appendix A."""

_POSTGRESQL_SAYS: Final = (
    (re.compile(r"authentication failed|no pg_hba\.conf entry|role .* does not exist"), _DENIED),
    (re.compile(r"database .* does not exist"), _NO_SUCH),
)
"""libpq has no SQLSTATE for a connection that was refused: only what the server said."""

_MARIADB: Final = {
    **dict.fromkeys((1205, 1213, 1020), _LOCKED),
    **dict.fromkeys((1021, 1114, 1041), _FULL),
    **dict.fromkeys((1290, 1792, 1836), _READ_ONLY),
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1698), _DENIED),
    **dict.fromkeys((1040, 1053, 1203, 1927, 2002, 2003, 2005, 2006, 2013, 2014, 4031), _AWAY),
    1049: _NO_SUCH,
    1153: _TOO_LARGE,
}
"""By error number: the server's (1000 …) and the client's (2000 …)."""


@contextmanager
def store_errors(doing: str, where: str) -> Iterator[None]:
    """Raise what a database says inside as `cannot <doing>: <where>: …`, of the fitting class."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translated(error, doing, where) from error


def translated(error: SQLAlchemyError, doing: str, where: str) -> IbstackError:
    """Return the error for a person."""
    origin = error.orig if isinstance(error, DBAPIError) else None
    trouble = _FAILED if origin is None else _trouble(origin)
    said = trouble.said or _one_line(_words(origin or error))
    remedy = f"; {trouble.remedy}" if trouble.remedy else ""
    return trouble.error(f"cannot {doing}: {where}: {said}{remedy}")


def _trouble(origin: BaseException) -> Trouble:
    code = getattr(origin, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code) or _SQLITE.get(code & 0xFF, _FAILED)
    number = origin.args[0] if origin.args else None
    if isinstance(number, int):
        return _MARIADB.get(number, _FAILED)
    return _postgresql(getattr(origin, "sqlstate", None), str(origin))


def _postgresql(state: str | None, said: str) -> Trouble:
    if state:
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2], _FAILED)
    for pattern, trouble in _POSTGRESQL_SAYS:
        if pattern.search(said):
            return trouble
    return _AWAY


def _words(origin: BaseException) -> str:
    """Return what a driver said; PyMySQL's comes with its number."""
    numbered = len(origin.args) > 1 and isinstance(origin.args[0], int)
    return str(origin.args[1] if numbered else origin)


def _one_line(text: str) -> str:
    """Return the first line of what a driver said; psycopg's begins with the attempts it made."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "no reason given"


def of_file(error: OSError, doing: str, where: str) -> IbstackError:
    """Return the error for a store's file that cannot be made."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        trouble = _FULL
    elif error.errno == errno.EROFS:
        trouble = _READ_ONLY
    else:
        trouble = Trouble(BadInput, (error.strerror or str(error)).lower(), _CANNOT_OPEN.remedy)
    return trouble.error(f"cannot {doing}: {where}: {trouble.said}; {trouble.remedy}")

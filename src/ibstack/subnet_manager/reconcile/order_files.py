# SPDX-License-Identifier: Apache-2.0
"""Orders as empty files in fabricd's folder: left by a person, taken away by fabricd when done.

The person is root as a rule, and fabricd need not be: it takes away only what is its own user's.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ibstack.fabric.errors import Refused, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def leave(state: Path, order: Path, words: str) -> None:
    """Leave *order*, a file below fabricd's folder *state*; twice is once.

    *words*: the order as it is typed.  Refused where this user may not.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        with _as_owner_of(state):
            order.parent.mkdir(parents=True, exist_ok=True)
            order.touch()
    except OSError as error:
        raise Refused(
            f"cannot order {words} in {state}: {_said(error, order)}; run this as root or as the"
            " user of ibstack-fabricd, which has to own all that is in that folder"
        ) from error


def left(folder: Path) -> list[Path]:
    """Return the orders in *folder*, by name; TryLater where that cannot be seen."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TryLater(
            f"cannot see what is ordered in {folder}: {error.strerror}; make that a folder of the"
            " user that ibstack-fabricd runs as"
        ) from error


def is_left(order: Path) -> bool:
    """Return whether *order* is there; TryLater where that cannot be seen."""
    return order in left(order.parent)


def take_away(order: Path) -> None:
    """Take *order* away, which is done; TryLater where it stays, and would be done again."""
    try:
        order.unlink(missing_ok=True)
    except OSError as error:
        raise TryLater(
            f"cannot take away the order {order}, which is done: {error.strerror}; remove it, and"
            f" let the user that ibstack-fabricd runs as own {order.parent}"
        ) from error


@contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """For root: be who *folder* belongs to, so that files are his, and no link of his misleads."""
    owner, user, group = folder.stat(), os.geteuid(), os.getegid()
    if user != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)


def _said(error: OSError, order: Path) -> str:
    where = error.filename or order
    return f"{where}: {error.strerror}"

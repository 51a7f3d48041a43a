# SPDX-License-Identifier: Apache-2.0
"""What a person has asked of a running ibstack-fabricd: files in a folder, until it is done."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.subnet_manager.reconcile import order_files

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.subnet_manager.seam import SubnetManager


class Order(enum.Enum):
    """What a person may tell a running fabricd; kept in its state until it is done."""

    RESTORE = "restore"
    """Put the last good copy back in place of a file that was edited or broken."""
    TAKE_OVER = "take-over"
    """Replace a file of someone else's; a copy is kept."""
    ALLOW_REMOVALS = "allow-removals"
    """Publish once, however many members go."""
    REPAIR = "repair"
    """Look for drift now, and have tables written anew however often that was tried before."""


class OperatorRequests:
    """The orders below *folder*, fabricd's own."""

    def __init__(self, folder: Path) -> None:
        self._state = folder
        self._folder = folder / "orders"

    def give(self, order: Order) -> None:
        """Tell the running daemon, or the next one, to carry out *order*.

        Refused where this user may not.
        """
        order_files.leave(self._state, self._file(order), order.value)

    def ordered(self, order: Order) -> bool:
        """Return whether *order* is to be carried out; TryLater where that cannot be seen."""
        return order_files.is_left(self._file(order))

    def done(self, order: Order) -> None:
        """Take *order* away; TryLater where it stays."""
        order_files.take_away(self._file(order))

    def _file(self, order: Order) -> Path:
        return self._folder / order.value


def execute(requests: OperatorRequests, manager: SubnetManager) -> None:
    """Do what is asked of the declaration that stands, as far as no answer of Neutron is needed."""
    if requests.ordered(Order.RESTORE):
        try:
            manager.restore()
        except TryLater:
            raise  # The order stands.
        except IbstackError:
            requests.done(Order.RESTORE)
            raise
        requests.done(Order.RESTORE)
    if requests.ordered(Order.TAKE_OVER):
        manager.take_over()
        requests.done(Order.TAKE_OVER)

# SPDX-License-Identifier: Apache-2.0
"""What the driver refuses (HTTP 409 or 400), and one line of neutron-server's log for each.

ML2 logs whatever a driver's hook raises with its traceback, at ERROR, before it hands the exception
to the API (neutron/plugins/ml2/managers.py, MechanismManager._call_on_drivers; the same on Neutron
26 to 29).  It makes no difference there between a refusal and a fault, whatever the exception's
class is, and any tenant can bring a refusal about.
"""

from __future__ import annotations

import logging
from typing import Final

_MANAGER: Final = "neutron.plugins.ml2.managers"


class Refusal:
    """Beside its class of neutron_lib: nothing went wrong, somebody asked for what he may not."""


class _OneLine(logging.Filter):
    """Makes of a record of a refusal one line at INFO, as Neutron's API logs a client's error."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Refusal):
            record.msg, record.args = "%s: %s", (record.getMessage(), error)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        return True


_ONE_LINE: Final = _OneLine()


def log_in_one_line() -> None:
    """Have ML2's record of a refusal be one line in this process; once is enough."""
    logging.getLogger(_MANAGER).addFilter(_ONE_LINE)

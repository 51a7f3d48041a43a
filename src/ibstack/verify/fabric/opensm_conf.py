# SPDX-License-Identifier: Apache-2.0
"""The options of opensm.conf that make a fabric safe.

Source: osm_subn_parse_conf_file() of opensm/osm_subnet.c; defaults as `opensm -c` of 3.3.23 writes
them.  What OpenSM cannot read it leaves at what it was: tests/verify/test_opensm_conf.py asks it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import Unread, shown
from ibstack.verify.opensm_files import config_name, option_lines

if TYPE_CHECKING:
    from ibstack.verify.check import Seen
    from ibstack.verify.evidence import Evidence

_NUMBERS: Final = {
    "m_key": "0",
    "m_key_protection_level": "0",
    "polling_retry_number": "4",
    "sa_key": "1",
    "sm_key": "1",
    "sminfo_polling_timeout": "10000",
}
_DEFAULTS: Final = {**_NUMBERS, "part_enforce": "both"}
_ENFORCE: Final = {"both", "in", "out", "off"}
HIDDEN: Final = "(hidden)"
"""Stands in a collection for a key that was set."""
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*", re.I)


def options(host: Evidence) -> dict[str, str] | Unread:
    """Return every option that the checks know, with OpenSM's default where it is not set.

    Without a file OpenSM runs with its defaults.
    """
    text = host.text(config_name(host))
    if isinstance(text, Unread):
        return dict(_DEFAULTS) if text.absent else text
    said = option_lines(text)
    return {name: _read(name, said.get(name), usual) for name, usual in _DEFAULTS.items()}


def place(host: Evidence) -> str:
    """Return the path of the configuration."""
    return shown(config_name(host))


def unknown(host: Evidence, unread: Unread) -> Seen:
    """Say that nothing is known, for want of the configuration."""
    return host.unknown(config_name(host), unread)


def number(text: str) -> int | None:
    """Return a number as strtoull() reads it; None for one that is hidden, or none."""
    if _NUMBER.fullmatch(text) is None:
        return None
    return int(text, 8 if text.isdigit() and text[0] == "0" else 0)


def _read(name: str, value: str | None, usual: str) -> str:
    if value is None:
        return usual
    if name in _NUMBERS:
        return value if value == HIDDEN or number(value) is not None else usual
    return value if value in _ENFORCE else usual

# SPDX-License-Identifier: Apache-2.0
"""Options of OpenSM, from opensm.conf: a name, blanks, a value to a line.

Source: osm_subn_parse_conf_file() of opensm/osm_subnet.c; defaults as `opensm -c` of 3.3.23 writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import OPENSM_CONF, Unread

if TYPE_CHECKING:
    from ibstack.verify.evidence import Evidence

_DEFAULTS: Final = {
    "allow_both_pkeys": "FALSE",
    "m_key": "0",
    "m_key_protection_level": "0",
    "part_enforce": "both",
    "polling_retry_number": "4",
    "sa_key": "1",
    "sm_key": "1",
    "sminfo_polling_timeout": "10000",
}
HIDDEN: Final = "(hidden)"
"""Stands in a collection for a key that was set."""


def options(host: Evidence) -> dict[str, str] | Unread:
    """Return every option that the checks know, with OpenSM's default where it is not set.

    Without a file OpenSM runs with its defaults.
    """
    text = host.text(OPENSM_CONF)
    if isinstance(text, Unread):
        return dict(_DEFAULTS) if text.absent else text
    found = dict(_DEFAULTS)
    for line in text.splitlines():
        name, _, value = line.partition("#")[0].strip().partition(" ")
        if name in found and value.strip():
            found[name] = value.strip()
    return found


def number(text: str) -> int | None:
    """Return a number of any base; None for one that is hidden, or none."""
    try:
        return int(text, 0)
    except ValueError:
        return None

# SPDX-License-Identifier: Apache-2.0
"""Which interfaces ibstack-eswitchd serves, and what `ethtool -i` says of them (ethtool(8))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.verify.evidence import COMMANDS, ESWITCHD_CONF, Unread, last, words

if TYPE_CHECKING:
    from ibstack.verify.evidence import Evidence


def mapped(host: Evidence) -> list[tuple[str, str]] | Unread:
    """Return (physical network, interface) of each mapping."""
    keys = host.ini(ESWITCHD_CONF)
    if isinstance(keys, Unread):
        return keys
    pairs = words(last(keys, "eswitch", "physical_interface_mappings"))
    return [(network, interface) for network, _, interface in (p.partition(":") for p in pairs)]


def ethtool_name(interface: str) -> str:
    return f"{COMMANDS}ethtool_-i_{interface}"


def ethtool(text: str) -> dict[str, str]:
    """Return the keys of `ethtool -i`, such as driver and firmware-version."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def bus_info(host: Evidence, interface: str) -> str | None:
    """Return the PCI address of an interface's adapter; None: not known."""
    text = host.text(ethtool_name(interface))
    return None if isinstance(text, Unread) else ethtool(text).get("bus-info") or None

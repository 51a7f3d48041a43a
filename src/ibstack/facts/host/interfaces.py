# SPDX-License-Identifier: Apache-2.0
"""Which interfaces ibstack-eswitchd serves, and what `ethtool -i` says of them (ethtool(8))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.facts.evidence import COMMANDS, ESWITCHD_CONF, Missing, shown
from ibstack.formats import eswitchd_conf

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence
    from ibstack.formats.eswitchd_conf import Mapping

_REPLACED: Final = "\ufffd"
REFUSED: Final = "ibstack-eswitchd refuses the file"


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the file of ibstack-eswitchd maps."""

    mappings: tuple[Mapping, ...]
    faults: tuple[str, ...]
    """For which ibstack-eswitchd refuses the file, the mappings that it understands included."""


def mapped(host: Evidence) -> Mapped | Missing:
    """Return what ibstack-eswitchd would serve, read as it reads that itself."""
    text = host.text(ESWITCHD_CONF)
    if isinstance(text, Missing):
        return text
    if _REPLACED in text:
        return Missing(f"it is not text in UTF-8, and {REFUSED}")
    try:
        found = eswitchd_conf.read(text, shown(ESWITCHD_CONF))
    except BadInput as error:
        return Missing(f"{REFUSED}: {' '.join(str(error).split())}")
    return Mapped(found.mappings, found.faults)


def mappings(host: Evidence) -> tuple[Mapping, ...]:
    """Return what is understood of the mappings."""
    known = mapped(host)
    return () if isinstance(known, Missing) else known.mappings


def ethtool_name(interface: str) -> str:
    return f"{COMMANDS}ethtool_-i_{interface}"


def ethtool(text: str) -> dict[str, str]:
    """Return the keys of `ethtool -i`, such as driver and firmware-version."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def bus_info(host: Evidence, interface: str) -> str | None:
    """Return the PCI address of an interface's adapter; None: not known."""
    text = host.text(ethtool_name(interface))
    return None if isinstance(text, Missing) else ethtool(text).get("bus-info") or None

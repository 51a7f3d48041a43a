# SPDX-License-Identifier: Apache-2.0
"""What `ibstat` shows of a host's adapters and ports.

Source: ibstat(8) of infiniband-diags 44: a stanza for each adapter, its ports indented below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_ADAPTER: Final = re.compile(r"CA '(.+)'")
_PORT: Final = re.compile(r"\s+Port (\d+):")
_KEY: Final = re.compile(r"\s+([A-Z][\w ]*): (.*)")


@dataclass(slots=True)
class IbstatPort:
    """One port; *keys* as they are printed, such as `Physical state`."""

    number: int
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class IbstatAdapter:
    """One adapter; *keys* as they are printed, such as `Firmware version`."""

    name: str
    keys: dict[str, str] = field(default_factory=dict)
    ports: list[IbstatPort] = field(default_factory=list)


def adapters(text: str) -> list[IbstatAdapter]:
    """Return every adapter that *text* shows; none where it shows none."""
    found: list[IbstatAdapter] = []
    for line in text.splitlines():
        if named := _ADAPTER.match(line):
            found.append(IbstatAdapter(named[1]))
        elif found and (numbered := _PORT.match(line)):
            found[-1].ports.append(IbstatPort(int(numbered[1])))
        elif found and (said := _KEY.match(line)):
            part = found[-1].ports[-1] if found[-1].ports else found[-1]
            part.keys[said[1]] = said[2].strip()
    return found

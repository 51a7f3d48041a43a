# SPDX-License-Identifier: Apache-2.0
"""Which local port the fabric is read through: as fabricd.conf of this host says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.facts.evidence import last
from ibstack.formats.ini import IniText

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalPort:
    """None, None: the first adapter with an active port."""

    ca: str | None = None
    number: int | None = None
    m_key: int = 0

    @classmethod
    def read(cls, config: Path) -> LocalPort:
        """Read [fabric] ca, port and m_key; without a file, the first active port and no key."""
        try:
            keys = IniText(config.read_bytes(), str(config)).keys()
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise BadInput(f"cannot read {config}: {error.strerror}") from error
        ca, port, m_key = (last(keys, "fabric", name) for name in ("ca", "port", "m_key"))
        number = _number(port, "port", bits=8)  # PortNum of NodeInfo, IBTA volume 1.
        return cls(ca or None, number, _number(m_key, "m_key", bits=64) or 0)


def _number(text: str | None, option: str, *, bits: int) -> int | None:
    try:
        number = int(text, 0) if text else None
    except ValueError:
        number = -1
    if number is not None and not 0 <= number < 1 << bits:
        # Not quoted: it may be a key.
        raise BadValue(f"option {option}", "(hidden)", f"must be a number of at most {bits} bits")
    return number

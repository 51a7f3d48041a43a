# SPDX-License-Identifier: Apache-2.0
"""Which local port the fabric is read through: as fabricd.conf of this host says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput
from ibstack.facts.evidence import last
from ibstack.formats.ini import IniText
from ibstack.formats.settings import secret_number

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
        # PortNum of NodeInfo, IBTA volume 1.
        number = secret_number(port, "port", bits=8) if port else None
        return cls(ca or None, number, secret_number(m_key or "0", "m_key", bits=64))

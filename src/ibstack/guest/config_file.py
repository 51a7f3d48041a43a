# SPDX-License-Identifier: Apache-2.0
"""A file for a guest, and what is raised where a tool cannot be told what a guest needs."""

from __future__ import annotations

from dataclasses import dataclass

from ibstack.fabric.errors import BadInput


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file, as it is to be in the guest."""

    path: str
    """Absolute, in the guest."""
    text: str
    mode: int = 0o644


@dataclass(eq=False)
class NotExpressible(BadInput):
    """The format has no word for something that the interface needs."""

    tool: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"cannot configure the interface: {self.tool} cannot {self.what}; {self.remedy}"

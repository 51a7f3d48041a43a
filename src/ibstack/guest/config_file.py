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
    otherwise: str = ""
    """What else would do, beside another format: `static addresses`."""
    formats: tuple[str, ...] = ()
    """The values of --format that take all of this interface; formats.render() asks them."""

    def __str__(self) -> str:
        *most, last = self.formats or ("",)
        listed = f"{', '.join(most)} or {last}" if most else last
        ways = [f"use --format {listed}"] if listed else []
        remedy = ", or ".join([*ways, *([self.otherwise] if self.otherwise else [])])
        return f"cannot configure the interface: {self.tool} cannot {self.what}; {remedy}"

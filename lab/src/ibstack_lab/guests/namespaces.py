# SPDX-License-Identifier: Apache-2.0
"""The lab's network namespaces.  Each is named after its lab, so that a later command finds it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack_lab.process import output_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED: Final = Path("/run/netns")
"""Where iproute2 keeps the names of namespaces (ip-netns(8))."""
_WITHIN_S: Final = 30


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Those of the lab in folder *root*; two labs share none."""

    root: Path

    @property
    def prefix(self) -> str:
        """What the name of each starts with: `ib`, 8 digits that are the lab's own, `-`."""
        return f"ib{hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:8]}-"

    def name(self, of: str) -> str:
        return self.prefix + of

    def of_port(self, short: str) -> str:
        """That of the guest whose port's id begins with *short*."""
        return self.name(short)

    @property
    def wires(self) -> str:
        """The one in which the partitions' bridges are."""
        return self.name("wires")

    def all(self) -> list[str]:
        return [name for name in _names() if name.startswith(self.prefix)]

    def make(self, name: str) -> None:
        """Make the namespace *name*, with its loopback interface up; harmless where it is."""
        if name not in _names():
            ip("netns", "add", name, doing=f"make the network namespace {name}")
        ip("-n", name, "link", "set", "lo", "up", doing=f"start the network namespace {name}")

    def remove(self, name: str) -> None:
        """Remove *name* and the interfaces in it; harmless where it is gone."""
        if name in _names():
            ip("netns", "del", name, doing=f"remove the network namespace {name}")

    def remove_all(self) -> None:
        for name in self.all():
            self.remove(name)


def inside(name: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments that run *argv* in the namespace *name*."""
    return ("ip", "netns", "exec", name, *argv)


def ip(*arguments: str, doing: str, batch: str | None = None) -> str:
    """Run ip(8); return what it printed.  *batch*: commands for its standard input."""
    return output_of(("ip", *arguments), doing, timeout_s=_WITHIN_S, told=batch)


def _names() -> list[str]:
    try:
        return sorted(os.listdir(NAMED))
    except FileNotFoundError:
        return []

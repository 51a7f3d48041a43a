# SPDX-License-Identifier: Apache-2.0
"""What asks for virtual functions: how many, of which adapter, and where it is said.

An adapter is told by conditions, as a rule of udev tells it.  What names one otherwise (a path in
a script, an address in a netplan file) is put into the same form by the functions below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ibstack.formats.udev_rules import Token

SOMETHING: Final = Token("UNKNOWN", "", "==", "")
"""A condition of which nothing is known: a variable of a script, say."""


@dataclass(frozen=True, slots=True)
class VfRequest:
    """One place that asks for VFs."""

    file: str
    line: int
    """Counted from 1."""
    count: int | None
    """None: not a plain number."""
    when: tuple[Token, ...] = ()
    """All of these hold of the adapter; none: any adapter."""
    unless: tuple[tuple[Token, ...], ...] = ()
    """Where all of any of these hold, it is not about that adapter."""
    acts: bool = True
    """False: it is not seen whether the host runs it at all."""
    unit: str = ""
    """The unit of systemd that it belongs to."""


def at_address(pci: str) -> Token:
    """Return the condition of an adapter at a PCI address, with or without its domain."""
    domain = pci if pci.count(":") == len("::") else f"0000:{pci}"
    return Token("ENV", "PCI_SLOT_NAME", "==", domain.lower())


def of_interface(name: str) -> Token:
    """Return the condition of an adapter behind a network interface."""
    return Token("ENV", "INTERFACE", "==", name)


def of_device(name: str) -> Token:
    """Return the condition of an adapter behind an InfiniBand device, such as mlx5_0."""
    return Token("IBDEV", "", "==", name)

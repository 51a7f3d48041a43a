# SPDX-License-Identifier: Apache-2.0
"""A secret that the cluster's state names and does not hold: a file of the head node.

A rendered text has a mark in its place, which is replaced right before the text goes to a host
(fill_secrets.py).  So no listing, export or history ever has a secret.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file of one line, which nobody but its owner and group may read."""

    path: str
    """Absolute, on the head node."""
    least: int = 1
    """Characters that it has to have."""
    in_url: bool = False
    """It is to be part of a URL."""

    @property
    def mark(self) -> str:
        """What stands in a text in its place."""
        return f"<<{self.path}>>"

# SPDX-License-Identifier: Apache-2.0
"""All commands of the shell.  A new one is an entry in the file of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.shell.commands import (
    commits,
    devices,
    listings,
    loops,
    navigation,
    objects,
    properties,
    repeating,
    services,
)
from ibstack.cluster.shell.commands import help as speaking

if TYPE_CHECKING:
    from ibstack.cluster.shell.command import Command

COMMANDS: Final[tuple[Command, ...]] = (
    *navigation.COMMANDS,
    *objects.COMMANDS,
    *properties.COMMANDS,
    *listings.COMMANDS,
    *commits.COMMANDS,
    *loops.COMMANDS,
    *services.COMMANDS,
    *devices.COMMANDS,
    *repeating.COMMANDS,
    *speaking.COMMANDS,
)

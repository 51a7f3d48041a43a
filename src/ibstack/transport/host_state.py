# SPDX-License-Identifier: Apache-2.0
"""How a host is: its state in a word, and what it was started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UP: Final = "UP"
DOWN: Final = "DOWN"
FAILING: Final = "FAILING"
INSTALLING: Final = "INSTALLING"
INSTALLER_FAILED: Final = "INSTALLER_FAILED"


@dataclass(frozen=True, slots=True)
class Running:
    """What a host was started with."""

    image: str | None
    """Name of the software image that it was installed from; None: not known."""
    kernel_command_line: str | None
    """None: not known."""
    whole: bool = True
    """False: a boot loader added words of its own to the kernel's."""

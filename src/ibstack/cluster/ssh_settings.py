# SPDX-License-Identifier: Apache-2.0
"""How hosts are reached by ssh: the section [ssh] of /etc/ibstack/cluster.conf."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class SshSettings:
    """What the section says.  What it leaves open is as ssh itself has it for whoever runs us."""

    user: str = ""
    """Empty: as ssh has it."""
    port: int | None = None
    config: Path | None = None
    """The file that `ssh -F` is given."""
    options: tuple[str, ...] = ()
    """More of ssh's command line, as `-i /root/.ssh/cluster`."""
    python: str = "python3"
    """What runs Python on a host: a line for the shell there, as `sudo -n python3`."""
    fanout: int = 64
    """How many hosts are talked to at the same time."""
    connect_timeout_s: int = 10
    timeout_s: int = 120
    """For one question or order on one host, its connection included."""
    reboot_timeout_s: int = 900
    """How long a host that was rebooted is waited for; 0: not at all."""


def _word(text: str) -> str:
    if not text or text.startswith("-") or len(text.split()) != 1:
        raise ValueError("expected one word")
    return text


def _line(text: str) -> str:
    if not text:
        raise ValueError("expected a command, as sudo -n python3")
    return text


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"expected options of ssh: {error}") from None


def _absolute(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("expected an absolute path")
    return Path(text)


def _number(least: int, most: int, what: str = "a number") -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"expected {what} from {least} to {most}")
        return int(text)

    return read


_DAY_S: Final = 86_400
KEYS: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    "user": ("user", _word),
    "port": ("port", _number(1, 65_535)),
    "config": ("config", _absolute),
    "options": ("options", _words),
    "python": ("python", _line),
    "fanout": ("fanout", _number(1, 1024)),
    "connect_timeout": ("connect_timeout_s", _number(1, _DAY_S, "seconds")),
    "timeout": ("timeout_s", _number(1, _DAY_S, "seconds")),
    "reboot_timeout": ("reboot_timeout_s", _number(0, _DAY_S, "seconds")),
}
"""By key: the field, and what reads its value, with a ValueError that says what is expected."""

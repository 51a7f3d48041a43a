# SPDX-License-Identifier: Apache-2.0
"""How hosts are reached by ssh: the section [ssh] of /etc/ibstack/cluster.conf."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ibstack.formats.settings import Option, number


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


def _one_word(text: str) -> str:
    if not text or text.startswith("-") or len(text.split()) != 1:
        raise ValueError("expected one word")
    return text


def _line(text: str) -> str:
    if not text:
        raise ValueError("expected a command, as sudo -n python3")
    return text


def _arguments(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"expected options of ssh: {error}") from None


def absolute_path(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("expected an absolute path")
    return Path(text)


_DAY_S: Final = 86_400
KEYS: Final = {
    "user": Option("user", _one_word),
    "port": Option("port", number(1, 65_535)),
    "config": Option("config", absolute_path),
    "options": Option("options", _arguments),
    "python": Option("python", _line),
    "fanout": Option("fanout", number(1, 1024)),
    "connect_timeout": Option("connect_timeout_s", number(1, _DAY_S, "seconds")),
    "timeout": Option("timeout_s", number(1, _DAY_S, "seconds")),
    "reboot_timeout": Option("reboot_timeout_s", number(0, _DAY_S, "seconds")),
}

# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on, without a name or a date."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.peer.services import PROGRAMS

_DEBIAN: Final = ("mariadb-server-core", "rabbitmq-server", "opensm", "ibsim-utils")
_OURS: Final = ("neutron", "keystone", "oslo.messaging")
_THEIRS: Final = ("networking-mlnx", "neutron", "oslo.messaging", "eventlet")


def describe() -> dict[str, str]:
    """Return processor, memory, kernel, and the versions of what took part."""
    return {
        "processor": f"{os.cpu_count()} cores, {_field('/proc/cpuinfo', 'model name')}",
        "memory": f"{round(int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20)} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Debian's": ", ".join(f"{name} {_debian(name)}" for name in _DEBIAN),
        "beside ibstack": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _OURS)]
        ),
        "the peer's": _peer(),
    }


def _peer() -> str:
    """Return the versions in the peer's environment; CalledProcessError where it is incomplete."""
    program = (
        "import sys; from importlib.metadata import version;"
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    argv = (str(PROGRAMS / "python"), "-c", program, *_THEIRS)
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _debian(package: str) -> str:
    argv = ("dpkg-query", "-W", "-f", "${Version}", package)
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _field(path: str, name: str) -> str:
    """Return the first value of *name* in a file of `name: value` lines; "unknown" if none."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"

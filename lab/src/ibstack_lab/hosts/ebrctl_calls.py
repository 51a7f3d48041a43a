# SPDX-License-Identifier: Apache-2.0
"""Each call of `ebrctl` on a host of the lab, by the played nova and by the real one.

`log/ebrctl-<host>.log` has a line for each: its words, its exit code, what it said.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack_lab.folder import LabFolder

_PROGRAM: Final = """\
#!/bin/sh
# ebrctl, with each call written down.
said=$({ebrctl} "$@" 2>&1)
code=$?
printf '%s -> %s %s\\n' "$*" "$code" "$(printf %s "$said" | tr '\\n' ' ')" >>{log}
[ -z "$said" ] || printf '%s\\n' "$said" >&2
exit $code
"""


@dataclass(frozen=True, slots=True)
class EbrctlCall:
    """One call: what nova asked for, and what came of it."""

    words: tuple[str, ...]
    """Such as add-port, MAC, instance, physical network, VNIC type, PCI address."""
    code: int


def program(lab: LabFolder, host: str) -> Path:
    """Return the `ebrctl` that nova-compute finds first: the real one, and each call written down.

    It is made where it is not there, and is alone in its folder.
    """
    path = lab.host(host) / "bin" / "ebrctl"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    real = Path(sys.executable).with_name("ebrctl")
    fresh = path.with_suffix(f".{os.getpid()}")  # Several boots may begin at once.
    fresh.write_text(
        _PROGRAM.format(ebrctl=shlex.quote(str(real)), log=shlex.quote(str(_log(lab, host))))
    )
    fresh.chmod(0o755)
    fresh.replace(path)
    return path


def note(lab: LabFolder, host: str, words: Sequence[str], code: int, said: str) -> None:
    """Write down a call as program() does."""
    with _log(lab, host).open("a") as log:
        log.write(f"{' '.join(words)} -> {code} {' '.join(said.split())}\n")


def calls(lab: LabFolder, host: str) -> list[EbrctlCall]:
    """Return all calls of *host* so far, in the order in which they ended."""
    log = _log(lab, host)
    found = []
    for line in log.read_text().splitlines() if log.exists() else ():
        words, _arrow, result = line.partition(" -> ")
        found.append(EbrctlCall(tuple(words.split()), int(result.split()[0])))
    return found


def _log(lab: LabFolder, host: str) -> Path:
    return lab.logs / f"ebrctl-{host}.log"

# SPDX-License-Identifier: Apache-2.0
"""Scripts that an installation runs: initialize and finalize."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ibstack.fabric.errors import CommandFailed, IbstackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run_script(text: str, file: Path, environment: Mapping[str, str], doing: str) -> str:
    """Write *text* to *file* and run it, by /bin/sh where it names no program; return its output.

    Its working directory is that of the file, and its environment is ours and *environment*.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o700)
        argv = (str(file),) if text.startswith("#!") else ("/bin/sh", str(file))
        done = subprocess.run(
            argv,
            cwd=file.parent,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise IbstackError(f"cannot {doing}: {error.strerror}") from error
    if done.returncode:
        raise CommandFailed(argv, done.returncode, done.stderr, doing)
    return done.stdout + done.stderr

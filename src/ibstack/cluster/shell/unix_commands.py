# SPDX-License-Identifier: Apache-2.0
"""Unix commands that an administrator types into the shell: `!cmd`, backticks and `| cmd`.

They are lines for the administrator's own shell, with its pipes and globs, so a shell runs them.
"""

from __future__ import annotations

import os
import subprocess

from ibstack.fabric.errors import CommandFailed

_SAID_NO = 1
"""What `grep` exits with when it has found nothing, and `diff` when there are differences."""


class UnixShell:
    """Runs them as whoever runs ibstack."""

    def run(self, command: str) -> None:
        """Run it on the terminal; a shell to type in for an empty one."""
        shell = os.environ.get("SHELL", "/bin/sh")
        argv = ["/bin/sh", "-c", command] if command else [shell]
        status = subprocess.run(argv, check=False).returncode
        if command and status:
            raise CommandFailed(("/bin/sh", "-c", command), status, "", f"run {command}")

    def output(self, command: str, text: str = "") -> str:
        """Return what it prints when it is given *text* to read."""
        argv = ("/bin/sh", "-c", command)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if done.returncode > _SAID_NO or done.returncode < 0:
            raise CommandFailed(argv, done.returncode, done.stderr, f"run {command}")
        return done.stdout

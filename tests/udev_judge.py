# SPDX-License-Identifier: Apache-2.0
"""The real udev as the judge of rules: `udevadm test` of a bridge, in namespaces of its own.

udev 252 has no `verify`.  A bridge stands for the interface: it is of type 1 and has no functions
and no mode, so a test marks what a rule would do by a variable.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

# Unpacked and not installed: it would run beside this machine's own.
_UDEV: Final = Path(__file__).parents[1] / ".cache/udev"
_SCRIPT: Final = """\
set -eu
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/udev /run/systemd
cp -r "$1/lib/systemd/network" /run/systemd/
cp -r "$1/lib/udev/rules.d" /run/udev/
cp "$2"/*.rules /run/udev/rules.d/
if [ -n "$5" ]; then printf '[Match]\\nOriginalName=%s\\n[Link]\\nName=%s\\n' "$4" "$5" \\
  >/run/systemd/network/01-name.link; fi
ip link add "$4" type bridge
SYSTEMD_LOG_LEVEL=debug exec "$1/bin/udevadm" test --action="$3" "/sys/class/net/$4"
"""


def said(
    folder: Path, name: str, rules: str, *, action: str = "add", link: str = "ib0", named: str = ""
) -> str:
    """Return what udev says of *rules*, a file *name*, at an event of interface *link*.

    *named*: the name that a .link file gives it.
    """
    if not (_UDEV / "bin/udevadm").exists():
        pytest.skip("needs udev, unpacked into .cache/udev: tools/setup test")
    (folder / name).write_text(rules)
    argv = ["unshare", "--mount", "--net", "sh", "-c", _SCRIPT, "sh"]
    done = subprocess.run(
        [*argv, str(_UDEV), str(folder), action, link, named],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr

# SPDX-License-Identifier: Apache-2.0
"""systemctl of a host that has no systemd: its units are $IBSTACK_ROOT/../units.json.

By name each has `active` (ActiveState), `enabled` and perhaps `runtime` (RuntimeDirectory); what is
not there is not installed.  A file `slow` beside it holds every call up, `silent` makes it fail.
It answers as systemctl of systemd 252 does.
"""

import json
import os
import shutil
import sys
import time
import uuid
from pathlib import Path
from typing import Any

Units = dict[str, dict[str, Any]]

ROOT = Path(os.environ["IBSTACK_ROOT"])
UNITS = ROOT.parent / "units.json"
VERBS = {"start": "active", "stop": "inactive", "restart": "active", "reset-failed": "inactive"}


def show(units: Units, names: list[str]) -> None:
    blocks = []
    for name in names:
        active = units.get(name, {}).get("active", "inactive")
        blocks.append(
            f"ActiveState={active}\nSubState={'running' if active == 'active' else 'dead'}"
        )
    print("\n\n".join(blocks))


def act(units: Units, verb: str, name: str) -> None:
    if name not in units:
        sys.exit(f"Failed to {verb} {name}: Unit {name} not found.")
    unit = units[name]
    if unit.get("broken") and verb in ("start", "restart"):
        unit["active"] = "failed"
        UNITS.write_text(json.dumps(units))
        sys.exit(f"Job for {name} failed because the control process exited with error code.")
    if verb == "reload" and unit["active"] != "active":
        sys.exit(f"{name} is not active, cannot reload.")
    if verb in ("stop", "restart") and "runtime" in unit:
        # systemd.exec(5): RuntimeDirectory goes when the unit stops, a restart included.
        shutil.rmtree(ROOT / "run" / str(unit["runtime"]), ignore_errors=True)
    if verb in ("enable", "disable"):
        unit["enabled"] = verb == "enable"
    elif verb == "reset-failed":
        unit["active"] = "inactive" if unit["active"] == "failed" else unit["active"]
    elif verb in VERBS:
        unit["active"] = VERBS[verb]


def reboot(units: Units) -> None:
    shutil.rmtree(ROOT / "run", ignore_errors=True)
    for unit in units.values():
        unit["active"] = "active" if unit.get("enabled") else "inactive"
    boot = ROOT / "proc/sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True, exist_ok=True)
    boot.write_text(f"{uuid.uuid4()}\n")


def main() -> None:
    while (ROOT.parent / "slow").exists():
        time.sleep(0.1)
    if (ROOT.parent / "silent").exists():
        sys.exit("Failed to connect to bus: No such file or directory")
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    units = json.loads(UNITS.read_text())
    if words[0] == "reboot":
        reboot(units)
    elif any(word.startswith("--property") for word in sys.argv):
        show(units, words[1:])
    else:
        act(units, words[0], words[1])
    UNITS.write_text(json.dumps(units))


main()

# SPDX-License-Identifier: Apache-2.0
"""One of nova's programs, in one process.

    python -m ibstack_lab.nova.program compute|conductor|scheduler --config-file FILE

By itself nova forks a worker for each of its services, and starts by sudo a helper for what needs
root (5 s of a core).  The lab is root's, and its services have little to do.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main() -> None:
    name = sys.argv.pop(1)
    # First of all: it decides on native threads.
    command: Any = importlib.import_module(f"nova.cmd.{name}")
    service: Any = importlib.import_module("nova.service")
    privsep: Any = importlib.import_module("nova.privsep")
    serve = service.serve
    service.serve = lambda server, workers=1, no_fork=True: serve(server, workers=1, no_fork=True)
    privsep.sys_admin_pctxt.set_client_mode(False)
    sys.argv[0] = f"nova-{name}"
    command.main()


if __name__ == "__main__":
    main()

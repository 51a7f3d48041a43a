# SPDX-License-Identifier: Apache-2.0
"""Serve an OpenStack API on the loopback interface.

    python -m ibstack_lab.services.wsgi MODULE PORT

`waitress-serve` would do, but for its arguments: Neutron reads sys.argv while it is imported.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress

import waitress


def choose_threads() -> None:
    """Have what is served run on native threads: Keystone imports oslo.messaging, and names none.

    The peer of the benchmark is served where there is no ibstack.
    """
    with suppress(ModuleNotFoundError):
        importlib.import_module("ibstack.neutron.client.native_threads")


def main() -> None:
    choose_threads()
    module, port = sys.argv[1:]
    sys.argv[1:] = []
    application = importlib.import_module(module).application
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=8)


if __name__ == "__main__":
    main()

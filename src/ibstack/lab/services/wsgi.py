# SPDX-License-Identifier: Apache-2.0
"""Serve an OpenStack API on the loopback interface.

    python -m ibstack.lab.services.wsgi MODULE PORT

`waitress-serve` would do, but for its arguments: Neutron reads sys.argv while it is imported.
"""

from __future__ import annotations

import importlib
import sys

import waitress

import ibstack.neutron.native_threads  # noqa: F401  Keystone imports oslo.messaging, and names none.


def main() -> None:
    module, port = sys.argv[1:]
    sys.argv[1:] = []
    application = importlib.import_module(module).application
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=8)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Native threads below oslo.messaging: to be imported first, in processes that are ours alone.

`import oslo_messaging` selects oslo.service's back end, and nothing said before means eventlet
(oslo.service 4.8, backend/__init__.py, DEFAULT_BACKEND_TYPE).  The threading back end has to be
named, and then futurist and oslo.utils still import eventlet wherever it is installed, as it is
beside nova and beside oslo.service itself: so it is out of reach while oslo.messaging is imported.

A process that has a back end already was begun by somebody else, such as Neutron, and is left as it
is; so is one whose oslo.service has no choice (before 4.1), or lacks what its threading back end is
made of.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVENTLET: Final = "eventlet"
_PARTS: Final = ("cotyledon", "futurist")
"""What oslo.service's extra `threading` brings."""
# oslo_messaging.opts imports the drivers of all brokers, which would else come with a connection.
_IMPORT_EVENTLET: Final = ("oslo_messaging", "oslo_messaging.opts")


def _choose() -> None:
    if not all(map(find_spec, _PARTS)):
        return
    try:
        from oslo_service import backend
    except ImportError:
        return
    if backend.get_backend_type() is not None:
        return
    with _out_of_reach(_EVENTLET):
        backend.init_backend(backend.BackendType.THREADING)
        for module in _IMPORT_EVENTLET:
            importlib.import_module(module)


@contextmanager
def _out_of_reach(module: str) -> Iterator[None]:
    """Have each import of *module* fail as if it were not installed; not where it was imported."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # Python's language reference, 5.3.1.
    try:
        yield
    finally:
        del sys.modules[module]


_choose()

# SPDX-License-Identifier: Apache-2.0
"""In place of libvirt's Python binding: a hypervisor that is a folder of the lab.

nova-compute imports it as `libvirt`, by a PYTHONPATH of its own; nothing of nova is in it.  Domains
are files, so that nova-compute may be killed at any moment and finds them again.  PCI devices are
those of the lab host's sysfs.  Names, numbers and order of events are libvirt's: see
https://libvirt.org/html/index.html and its headers.
"""

from .connection import getVersion, open, openAuth, openReadOnly, virConnect
from .constants import *  # noqa: F403  as in libvirt.py: they are the module's own names
from .domain import virDomain
from .errors import libvirtError, registerErrorHandler
from .events import virEventRegisterDefaultImpl, virEventRunDefaultImpl
from .node_devices import virNodeDevice

__all__ = (
    "getVersion",
    "libvirtError",
    "open",
    "openAuth",
    "openReadOnly",
    "registerErrorHandler",
    "virConnect",
    "virDomain",
    "virEventRegisterDefaultImpl",
    "virEventRunDefaultImpl",
    "virNodeDevice",
)

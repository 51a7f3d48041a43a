# SPDX-License-Identifier: Apache-2.0
"""The former place of the interface drivers, for sites that name it.  Goes in the next release."""

from __future__ import annotations

import logging

from ibstack.neutron.agents.interface_driver import IpoibInterfaceDriver, MultiInterfaceDriver

__all__ = ["IpoibInterfaceDriver", "MultiInterfaceDriver"]

# An agent imports it once, so it is said once.
logging.getLogger(__name__).warning(
    "%s is a former name, and goes in the next release: set %s",
    "ibstack.neutron.interface_driver",
    "interface_driver = ipoib or multi",
)

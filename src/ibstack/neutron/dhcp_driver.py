# SPDX-License-Identifier: Apache-2.0
"""The former place of the DHCP driver, for sites that name it.  Goes in the next release."""

from __future__ import annotations

import logging

from ibstack.neutron.agents.dhcp_driver import Dnsmasq

__all__ = ["Dnsmasq"]

# An agent imports it once, so it is said once.
logging.getLogger(__name__).warning(
    "%s is a former name, and goes in the next release: set %s",
    "ibstack.neutron.dhcp_driver",
    "dhcp_driver = ibstack.neutron.agents.dhcp_driver.Dnsmasq",
)

# SPDX-License-Identifier: Apache-2.0
"""Names under which Neutron knows agents and what keeps a port from ACTIVE."""

from __future__ import annotations

from typing import Final

MELLANOX_AGENT: Final = "Mellanox plugin agent"
"""The agent type of ibstack-agent, as networking-mlnx's agent has it."""
PARTITION_AGENT: Final = "InfiniBand partition agent"
"""The agent type of ibstack-fabricd."""
OUR_AGENTS: Final = (MELLANOX_AGENT, PARTITION_AGENT)
DHCP_AGENT: Final = "DHCP agent"
"""neutron_lib.constants.AGENT_TYPE_DHCP."""

AGENT_BINARY: Final = "ibstack-agent"
FABRICD_BINARY: Final = "ibstack-fabricd"
DHCP_AGENT_BINARY: Final = "neutron-dhcp-agent"

IB_HOST: Final = "IB_HOST"
"""The provisioning entity that waits for the host's VF."""
IB_FABRIC: Final = "IB_FABRIC"
"""The provisioning entity that waits for the port's P_Key table."""

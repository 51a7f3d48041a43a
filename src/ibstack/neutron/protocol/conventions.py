# SPDX-License-Identifier: Apache-2.0
"""What the mechanism driver and ibstack's daemons take for granted of each other."""

from __future__ import annotations

from typing import Final

PLUGIN_TOPIC: Final = "ibstack-plugin"
AGENT_TOPIC: Final = "ibstack-agent"
FABRIC_TOPIC: Final = "ibstack-fabric"
RPC_VERSION: Final = "1.0"

# nova/network/model.py, VIF_TYPE_IB_HOSTDEV: its libvirt driver plugs such a VIF with ebrctl.
# portbindings of neutron_lib does not know it.
VIF_TYPE: Final = "ib_hostdev"
# neutron_lib's portbindings.VIF_TYPE_OTHER: of the DHCP and router ports that a host plugs for
# itself.  Neutron's agents do not look at it, but for "binding_failed".
OWN_VIF_TYPE: Final = "other"
# device_owner of the Neutron ports that an agent plugs on its host.  A distributed router's ports
# are on every host at once, have no binding of their own, and are not served.
OWN_DEVICE_OWNERS: Final = frozenset(
    {
        "network:dhcp",
        "network:router_interface",
        "network:router_gateway",
        "network:router_centralized_snat",
        "network:router_ha_interface",
        "network:ha_router_replicated_interface",
    }
)

REBINDING_S: Final = 5.0
"""How long a port counts as being bound anew, in seconds from the moment it was unbound.

Neutron needs 0.1 to 0.5 s for it (seen with nova 34 on two busy cores).
"""

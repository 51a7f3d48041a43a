# SPDX-License-Identifier: Apache-2.0
"""Who is to be a member for a port: its VF, its adapter, or its host's adapters.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.diagnose.cloud_facts import adapter_of, is_own, own_adapters
from ibstack.diagnose.neutron_steps import guid_of, port_of
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from ibstack.diagnose.finding import Facts

_MLX4: Final = AdapterKind.MLX4.value


def shares_a_table(facts: Facts) -> bool | None:
    """Tell whether the physical port is the member (mlx4); None where that is not known."""
    if facts.vf is not None and facts.vf.kind is not None:
        return facts.vf.kind == _MLX4
    adapter = adapter_of(facts.cloud)
    return None if adapter is None else adapter.shares_table


def member_of(facts: Facts) -> str | None:
    """Return the GUID that is to be a member: of the VF, or on mlx4 of the physical port."""
    shared = shares_a_table(facts)
    if shared is None:
        return None
    if not shared:
        try:
            return str(guid_of(facts))
        except BadValue:
            return None
    if facts.vf is not None and facts.vf.port_guid is not None:
        return facts.vf.port_guid
    adapter = adapter_of(facts.cloud)
    return str(adapter.port_guid) if adapter and adapter.port_guid else None


def members_of(facts: Facts) -> tuple[str, ...]:
    """Return all GUIDs that are to be members: each adapter of the host of a DHCP port."""
    port, _ = port_of(facts)
    if is_own(port):
        return own_adapters(facts.cloud, port.host)
    member = member_of(facts)
    return () if member is None else (member,)


def is_physical(facts: Facts) -> bool:
    """The member is a physical port: of mlx4, and of what a host plugs for itself."""
    return bool(shares_a_table(facts)) or is_own(port_of(facts)[0])


def is_flat(facts: Facts) -> bool:
    """Every port is a limited member of the default partition."""
    return port_of(facts)[1].network_type == "flat"

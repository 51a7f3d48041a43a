# SPDX-License-Identifier: Apache-2.0
"""Bound ports that are no virtual functions: mlnx_sdn_assist binds machines and ports of hosts.

Source: networking-mlnx 21.0.0, plugins/ml2/drivers/sdn/sdn_mech_driver.py: vif type `other`, of
baremetal ports and, with bind_normal_ports, of DHCP and router ports.  Pure.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ibstack.neutron.protocol.conventions import OWN_VIF_TYPE
from ibstack.upgrade.finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ibstack.upgrade.known_cloud import KnownCloud, OtherPorts

_SEGMENTS_SHOWN: Final = 10


def on_infiniband(cloud: KnownCloud) -> Sequence[OtherPorts]:
    """Return those that may be on InfiniBand: no column of Neutron's says it of a network."""
    networks = {port.physical_network for port in cloud.ports}
    return [
        ports
        for ports in cloud.others
        if ports.vif_type == OWN_VIF_TYPE or ports.physical_network in networks
    ]


def judge(cloud: KnownCloud, source: str) -> Iterator[Finding]:
    """Say of each kind on each physical network what becomes of it, and how many there are."""
    kinds: dict[tuple[str, str, str, bool], list[OtherPorts]] = defaultdict(list)
    for ports in on_infiniband(cloud):
        kind = str(ports.physical_network), ports.vnic_type, ports.vif_type, ports.are_of_hosts
        kinds[kind].append(ports)
    for (network, vnic_type, vif_type, are_of_hosts), found in sorted(kinds.items()):
        verdict, ibstack, to_do = _judgement(vnic_type, vif_type, are_of_hosts=are_of_hosts)
        key = f"ports {vnic_type} bound as {vif_type} on {network}"
        yield Finding(source, None, key, _counted(found), verdict, ibstack, to_do)


def _judgement(vnic_type: str, vif_type: str, *, are_of_hosts: bool) -> tuple[Verdict, str, str]:
    if are_of_hosts:
        return (
            Verdict.CHANGES,
            "makes their host a member of the partition, where an ibstack-agent runs on it",
            "run ibstack-agent on network nodes",
        )
    if vnic_type == "baremetal":
        return (
            Verdict.DECIDE,
            "does not bind machines, and writes them into no partition: nothing tells UFM",
            "where the network is InfiniBand: narrow owned_keys, and list the machines' GUIDs in"
            " site_partitions; or keep them out of Neutron",
        )
    return (
        Verdict.DECIDE,
        f"serves none that is bound as {vif_type}, and writes it into no partition",
        "have DHCP and router ports bound anew, by infiniband in mechanism_drivers before the"
        " driver that has them; move others to another network",
    )


def _counted(found: Sequence[OtherPorts]) -> str:
    segments = sorted(
        {
            f"{ports.network_type} {ports.segmentation_id}"
            if ports.segmentation_id is not None
            else str(ports.network_type)
            for ports in found
        }
    )
    more = len(segments) - _SEGMENTS_SHOWN
    shown = ", ".join(segments[:_SEGMENTS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{sum(ports.count for ports in found)} ports in {shown}"

# SPDX-License-Identifier: Apache-2.0
"""What becomes of the ports that networking-mlnx has bound.  Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.neutron_names import AGENT_BINARY
from ibstack.fabric.pci import PciAddress
from ibstack.upgrade.finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.partition import KeyRange
    from ibstack.upgrade.known_cloud import KnownCloud, KnownPort

_AGAIN: Final = "delete it, or unplug its instance and plug it again"


def judge(cloud: KnownCloud, owned: KeyRange, source: str) -> Iterator[Finding]:
    """Judge each port that needs a word, and each host for those that do not."""
    vfs = Counter((port.host, port.pci_slot) for port in cloud.ports)
    macs = Counter((port.physical_network, port.mac) for port in cloud.ports)
    fine: Counter[str] = Counter()
    for port in cloud.ports:
        shared = vfs[port.host, port.pci_slot] > 1, macs[port.physical_network, port.mac] > 1
        said = _why_not(port, owned, *shared)
        if said is None and port.status == "ACTIVE":
            fine[port.host] += 1
            if port.network_type != "flat":
                continue
        yield _finding(port, said, source)
    yield from _hosts(cloud, fine, source)
    if cloud.journal:
        yield Finding(
            source,
            None,
            "mlnx_sdn_journal",
            f"{cloud.journal} unfinished",
            Verdict.DECIDE,
            "never reads it",
            "let mlnx_sdn_assist finish before it is removed, or see to UFM by hand",
        )


def _why_not(
    port: KnownPort, owned: KeyRange, is_vf_shared: bool, is_mac_shared: bool
) -> tuple[str, str] | None:
    """Return why ibstack cannot serve it, and what to do; None where it can."""
    if port.network_type not in ("vlan", "flat"):
        return f"does not serve networks of type {port.network_type}", "move it to a vlan network"
    if port.network_type == "vlan" and (port.key is None or port.key not in owned):
        return (
            f"serves keys of {owned} only, and this one has {port.segmentation_id}",
            "widen owned_keys of the driver and of ibstack-fabricd, or move it to another network",
        )
    try:
        Guid.from_mac(port.mac)
        if port.pci_slot is not None:
            PciAddress.parse(port.pci_slot)
    except BadValue as error:
        return f"cannot serve it: {error}", _AGAIN
    if port.pci_slot is None:
        return "cannot tell which VF it has, and does not take that over", _AGAIN
    if is_vf_shared:
        return "leaves a VF alone that several ports claim", "delete the port that is not in use"
    if is_mac_shared:
        return "serves one port of a MAC, the oldest, and holds the others", _AGAIN
    return None


def _finding(port: KnownPort, said: tuple[str, str] | None, source: str) -> Finding:
    value = f"{port.mac} {port.pci_slot or '-'} on {port.host}, {port.status}"
    if said is not None:
        verdict, (ibstack, to_do) = Verdict.DECIDE, said
    elif port.status == "ACTIVE":
        verdict = Verdict.CHANGES
        ibstack = "makes it a limited member of the default partition (flat network)"
        to_do = "where its VF holds 0xffff it goes DOWN until it is plugged again"
    else:
        verdict = Verdict.CHANGES
        ibstack = "takes its VF over if that serves it all the same; else serves it when plugged"
        to_do = "restart nova-compute after ibstack-agent, which plugs it"
    return Finding(source, None, f"port {port.id}", value, verdict, ibstack, to_do)


def _hosts(cloud: KnownCloud, fine: Counter[str], source: str) -> Iterator[Finding]:
    for host in sorted({port.host for port in cloud.ports}):
        value = f"{fine[host]} ports ACTIVE, agent {cloud.agents.get(host, 'not known')}"
        if cloud.agents.get(host) == AGENT_BINARY:
            yield Finding(
                source, None, f"host {host}", value, Verdict.KEEPS, "its ibstack-agent has reported"
            )
            continue
        yield Finding(
            source,
            None,
            f"host {host}",
            value,
            Verdict.CHANGES,
            "takes VFs over as they are when ibstack-agent starts, and does not"
            " know before which ports of ConnectX-3 belong into partitions",
            "start ibstack-agent there before nova-compute is restarted, and before any"
            " `ibstack partition take-over`",
        )

# SPDX-License-Identifier: Apache-2.0
"""Facts of two ports on whose way nothing is wrong, one for each kind of adapter."""

from __future__ import annotations

from dataclasses import replace

from ibstack.diagnose.cloud_facts import (
    CloudAgent,
    CloudFacts,
    CloudNetwork,
    CloudPort,
)
from ibstack.diagnose.finding import Facts
from ibstack.diagnose.host_facts import (
    DesiredFacts,
    DhcpFacts,
    FabricFacts,
    FileFacts,
    GroupFacts,
    ObservedPort,
    Plug,
    VfFacts,
)
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import unfold
from ibstack.neutron.protocol.agent_report import ReportedAdapter

MAC, PCI = "fa:16:3e:00:00:01", "0000:05:00.1"
GUID, PHYSICAL, DHCP_GUID, MASTER = (
    "0xfa163e0000000001",
    "0x0002c90300000031",
    "0x0002c90300000021",
    "0x0002c90300000011",
)
CLIENT_ID = "20:fa:16:3e:00:00:00:00:01"
VFS = "0000:05:00.1-0000:05:02.0"


def healthy(kind: str) -> Facts:
    """Return the facts of a port on *kind*, mlx4 or mlx5, that has its lease."""
    shared = kind == "mlx4"
    member = PHYSICAL if shared else GUID
    return Facts(
        cloud=_cloud(kind),
        vf=VfFacts(
            host="node002",
            pci=PCI,
            function=True,
            virtual=True,
            physical_networks=("ibhostnet",),
            physical_network="ibhostnet",
            kind=kind,
            port_guid=PHYSICAL,
            port_state="active",
            guid=Guid.parse(GUID).value,
            node_guid=None if shared else Guid.parse(GUID).value,
            guid_source="/sys/class/infiniband",
            alias=Guid.parse(GUID).value if shared else None,
            link="auto",
            index=1 if shared else None,
            entry=0x8101,
            plug=Plug(MAC, PCI, "ibhostnet", "programmed"),
        ),
        fabric=FabricFacts(
            host="head",
            opensm_runs=True,
            serves_vports=True,
            master=MASTER,
            master_name="head",
            ports=(
                ObservedPort(MASTER, "head", True, (0xFFFF, 0xFFF0, 0)),
                ObservedPort(
                    member, "node002", True, (0x7FFF, 0x8101, 0) if shared else (0x8101, 0x7FFF, 0)
                ),
                ObservedPort(DHCP_GUID, "node001", True, (0x7FFF, 0x8101, 0)),
            ),
            proofs=(0x7FF0,),
            file=FileFacts("/etc/opensm/partitions.conf", "ours", (), 0x7FF0, {member: "full"}),
            desired=DesiredFacts((member,)),
        ),
        dhcp=(
            DhcpFacts(
                "node001",
                "/var/lib/neutron/dhcp/n1",
                served=True,
                known=True,
                client_id=CLIENT_ID,
                address="10.1.0.5",
                lease="10.1.0.5",
            ),
        ),
        group=GroupFacts("node001", True),
    )


def _cloud(kind: str) -> CloudFacts:
    port = CloudPort(
        id="p1",
        name="vm1",
        mac=MAC,
        network_id="n1",
        admin_state_up=True,
        status="ACTIVE",
        vnic_type="direct",
        host="node002",
        vif_type="ib_hostdev",
        pci_slot=PCI,
        client_id=CLIENT_ID,
        addresses=("10.1.0.5",),
        subnets=("s1",),
    )
    shared = kind == "mlx4"
    adapter = ReportedAdapter("ibhostnet", shared, Guid.parse(PHYSICAL), unfold(VFS))
    of_dhcp = ReportedAdapter("ibhostnet", True, Guid.parse(DHCP_GUID), frozenset())
    return CloudFacts(
        wanted="vm1",
        port=port,
        network=CloudNetwork("n1", "red", "vlan", "ibhostnet", 0x101, ("s1",)),
        agents=(
            CloudAgent("ibstack-agent", "node002", True, adapters=(adapter,)),
            CloudAgent("ibstack-agent", "node001", True, adapters=(of_dhcp,)),
            CloudAgent(
                "ibstack-fabricd", "head", True, physical_networks=("ibhostnet",), role="master"
            ),
            CloudAgent("neutron-dhcp-agent", "node001", True),
        ),
        dhcp_hosts=("node001",),
    )


def dhcp_port(facts: Facts, owner: str = "network:dhcp") -> Facts:
    """Return the facts of the port that a DHCP agent or a router has on the same network."""
    own = {"vnic_type": "normal", "vif_type": "other", "pci_slot": None, "client_id": None}
    facts = with_port(facts, device_owner=owner, host="node001", mac="fa:16:3e:00:00:d1", **own)
    facts = with_file(facts, members={DHCP_GUID: "full"})
    return replace(with_fabric(facts, desired=DesiredFacts((DHCP_GUID,))), vf=None)


def with_port(facts: Facts, **changes: object) -> Facts:
    assert facts.cloud.port is not None
    port = replace(facts.cloud.port, **changes)  # type: ignore[arg-type]
    return replace(facts, cloud=replace(facts.cloud, port=port))


def with_network(facts: Facts, **changes: object) -> Facts:
    assert facts.cloud.network is not None
    network = replace(facts.cloud.network, **changes)  # type: ignore[arg-type]
    return replace(facts, cloud=replace(facts.cloud, network=network))


def with_vf(facts: Facts, **changes: object) -> Facts:
    assert facts.vf is not None
    return replace(facts, vf=replace(facts.vf, **changes))  # type: ignore[arg-type]


def with_fabric(facts: Facts, **changes: object) -> Facts:
    assert facts.fabric is not None
    return replace(facts, fabric=replace(facts.fabric, **changes))  # type: ignore[arg-type]


def with_file(facts: Facts, **changes: object) -> Facts:
    assert facts.fabric is not None
    assert facts.fabric.file is not None
    return with_fabric(facts, file=replace(facts.fabric.file, **changes))  # type: ignore[arg-type]


def with_dhcp(facts: Facts, **changes: object) -> Facts:
    return replace(facts, dhcp=(replace(facts.dhcp[0], **changes),))  # type: ignore[arg-type]


def with_table(facts: Facts, guid: str, *table: int) -> Facts:
    assert facts.fabric is not None
    ports = tuple(
        replace(port, table=table) if port.guid == guid else port for port in facts.fabric.ports
    )
    return with_fabric(facts, ports=ports)


def with_another(facts: Facts, guid: str, name: str) -> Facts:
    """Return the facts where a further port, which is not served, has *guid*."""
    assert facts.fabric is not None
    other = ObservedPort(guid, name, False, (0xFFFF, 0, 0))
    return with_fabric(facts, ports=(*facts.fabric.ports, other))


def without(facts: Facts, binary: str, host: str) -> Facts:
    """Return the facts of a cloud that has never heard of that agent."""
    agents = tuple(a for a in facts.cloud.agents if (a.binary, a.host) != (binary, host))
    return replace(facts, cloud=replace(facts.cloud, agents=agents))


def with_agent(facts: Facts, binary: str, host: str, **changes: object) -> Facts:
    agents = tuple(
        replace(a, **changes) if (a.binary, a.host) == (binary, host) else a  # type: ignore[arg-type]
        for a in facts.cloud.agents
    )
    return replace(facts, cloud=replace(facts.cloud, agents=agents))

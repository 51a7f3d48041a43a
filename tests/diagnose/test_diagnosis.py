# SPDX-License-Identifier: Apache-2.0
"""Every step names its faults; what could not be looked at is never right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from explained_ports import (
    DHCP_GUID,
    GUID,
    PHYSICAL,
    dhcp_port,
    healthy,
    with_agent,
    with_another,
    with_dhcp,
    with_fabric,
    with_file,
    with_network,
    with_port,
    with_table,
    with_vf,
    without,
)
from ibstack.diagnose.diagnosis import STEPS, diagnose
from ibstack.diagnose.finding import Facts, State
from ibstack.diagnose.host_facts import DesiredFacts, GroupFacts, Plug

Change = Callable[[Facts], Facts]
_OTHER = Plug("fa:16:3e:99:99:99", "0000:05:00.1", "ibhostnet", "programmed")
_PENDING = Plug("fa:16:3e:00:00:01", "0000:05:00.1", "ibhostnet", "pending", "no partition yet")
_AGENT, _FABRICD, _DHCP = "ibstack-agent", "ibstack-fabricd", "neutron-dhcp-agent"


def failed(facts: Facts) -> Facts:
    return with_port(facts, vif_type="binding_failed")


def listed(facts: Facts) -> Facts:
    return with_fabric(facts, full_default=(PHYSICAL,))


def twin(facts: Facts, **changes: object) -> Facts:
    port = facts.cloud.port
    assert port is not None
    other = replace(port, id="p2", **changes)  # type: ignore[arg-type]
    return replace(facts, cloud=replace(facts.cloud, neighbours=(other,)))


# Step, kind of adapter, what is changed, what the first line says.
FAULTS: Final[list[tuple[str, str, Change, str]]] = [
    (
        "Neutron knows the port",
        "mlx5",
        lambda f: Facts(replace(f.cloud, port=None)),
        "Neutron has no port 'vm1'",
    ),
    (
        "administrative state",
        "mlx5",
        lambda f: with_port(f, admin_state_up=False),
        "the port is switched off in Neutron",
    ),
    (
        "MAC and GUID",
        "mlx5",
        lambda f: with_port(f, mac="01:00:00:00:00:01"),
        "the port's MAC 01:00:00:00:00:01 cannot be made into a GUID",
    ),
    (
        "MAC and GUID",
        "mlx5",
        lambda f: twin(f, host="node009", pci_slot=None),
        "the port's MAC fa:16:3e:00:00:01, and so its GUID 0xfa163e0000000001, is also that of p",
    ),
    (
        "network and partition",
        "mlx5",
        lambda f: with_network(f, network_type="vxlan", physical_network=None),
        "network red is of type vxlan, which is no InfiniBand network",
    ),
    (
        "network and partition",
        "mlx5",
        lambda f: twin(
            with_network(with_port(f, vif_type="hw_veb"), physical_network="ethernet"), host="x"
        ),
        "network red is no InfiniBand network, for none of ibstack's agents serves its physical",
    ),
    (
        "network and partition",
        "mlx5",
        lambda f: with_network(f, segmentation_id=40000),
        "the segmentation id 40000 of network red is no partition key",
    ),
    (
        "vnic type",
        "mlx5",
        lambda f: with_port(f, vnic_type="normal"),
        "the port's vnic type is normal, and only direct ports get a VF",
    ),
    (
        "vnic type",
        "mlx5",
        lambda f: with_port(f, vnic_type="normal", device_owner="network:floatingip"),
        "the port belongs to network:floatingip, which ibstack does not serve",
    ),
    (
        "host given",
        "mlx5",
        lambda f: with_port(dhcp_port(f), host=""),
        "the port of network:dhcp has been given to no host: no agent has it",
    ),
    (
        "host given",
        "mlx5",
        lambda f: with_port(f, host=""),
        "the port has been given to no host: no server has it",
    ),
    (
        "Neutron binding",
        "mlx5",
        lambda f: with_port(f, vif_type="hw_veb"),
        "another mechanism driver has bound the port: its vif type is hw_veb",
    ),
    (
        "Neutron binding",
        "mlx5",
        failed,
        "Neutron could not bind the port to node002 when it was asked to, and now could",
    ),
    (
        "Neutron binding",
        "mlx5",
        lambda f: with_agent(failed(f), _AGENT, "node002", alive=False),
        "Neutron could not bind the port to node002: ibstack-agent on node002 does not report",
    ),
    (
        "Neutron binding",
        "mlx5",
        lambda f: with_agent(failed(f), _AGENT, "node002", adapters=()),
        "Neutron could not bind the port to node002: node002 maps no adapter to physical network",
    ),
    (
        "Neutron binding",
        "mlx5",
        lambda f: with_agent(failed(dhcp_port(f)), _AGENT, "node001", alive=False),
        "Neutron could not bind the port to node001: ibstack-agent on node001 does not report",
    ),
    (
        "agent alive",
        "mlx5",
        lambda f: without(f, _AGENT, "node002"),
        "ibstack-agent on node002 has never reported to Neutron, which knows it on node001",
    ),
    (
        "agent alive",
        "mlx5",
        lambda f: with_agent(f, _AGENT, "node002", alive=False),
        "ibstack-agent on node002 does not report to Neutron any more",
    ),
    (
        "physical network mapped",
        "mlx5",
        lambda f: with_agent(f, _AGENT, "node002", adapters=()),
        "node002 maps no adapter to physical network ibhostnet; it maps none at all",
    ),
    (
        "physical network mapped",
        "mlx5",
        lambda f: with_agent(f, _AGENT, "node002", adapters=(), unread=("it has no kind",)),
        "ibstack-agent on node002 reports an adapter that cannot be read: it has no kind",
    ),
    (
        "VF of the agent",
        "mlx5",
        lambda f: with_port(f, pci_slot=None),
        "the port is on node002 and names no VF: its binding profile has no pci_slot",
    ),
    (
        "VF of the agent",
        "mlx5",
        lambda f: with_port(f, pci_slot="5:0"),
        "the port's pci_slot '5:0' is no PCI address",
    ),
    (
        "VF of the agent",
        "mlx5",
        lambda f: with_port(f, pci_slot="0000:07:00.1"),
        "0000:07:00.1 is no VF of node002 on physical network ibhostnet, which has 0000:05:00.1-",
    ),
    (
        "VF of the agent",
        "mlx5",
        lambda f: twin(f, mac="fa:16:3e:00:00:09"),
        "VF 0000:05:00.1 of node002 is also that of port p2",
    ),
    (
        "eswitchd answers",
        "mlx5",
        lambda f: replace(
            f, vf=None, missing=(("vf", "cannot ask ibstack-eswitchd at /run: gone"),)
        ),
        "ibstack-eswitchd on node002 does not answer",
    ),
    (
        "VF present",
        "mlx5",
        lambda f: with_vf(f, function=False),
        "node002 has no PCI function 0000:05:00.1",
    ),
    (
        "VF present",
        "mlx5",
        lambda f: with_vf(f, virtual=False),
        "0000:05:00.1 of node002 is a physical function, and no VF",
    ),
    (
        "VF present",
        "mlx5",
        lambda f: with_vf(f, physical_network="storage"),
        "the adapter of VF 0000:05:00.1 of node002 is mapped to storage, and not to ibhostnet",
    ),
    (
        "VF present",
        "mlx5",
        lambda f: with_vf(f, holder=_OTHER),
        "VF 0000:05:00.1 of node002 is still plugged for MAC fa:16:3e:99:99:99",
    ),
    (
        "GUID of the VF",
        "mlx5",
        lambda f: with_vf(f, plug=None),
        "nobody has plugged the port on node002: VF 0000:05:00.1 has no attachment",
    ),
    (
        "GUID of the VF",
        "mlx5",
        lambda f: with_vf(f, guid=0),
        "the GUID of VF 0000:05:00.1 on node002 is zero, and should be 0xfa163e0000000001",
    ),
    (
        "GUID of the VF",
        "mlx4",
        lambda f: with_vf(f, guid=(1 << 64) - 1),
        "the GUID of VF 0000:05:00.1 on node002 is all F, and should be 0xfa163e0000000001",
    ),
    (
        "GUID of the VF",
        "mlx4",
        lambda f: with_vf(f, guid=0xFA163E0000AABBCC),
        "VF 0000:05:00.1 on node002 has the GUID of another, 0xfa163e0000aabbcc, and should have",
    ),
    (
        "GUID of the VF",
        "mlx5",
        lambda f: with_vf(f, node_guid=0),
        "the node GUID of VF 0000:05:00.1 on node002 is zero, and should be 0xfa163e0000000001",
    ),
    (
        "link policy",
        "mlx5",
        lambda f: with_vf(f, link="down"),
        "the link policy of VF 0000:05:00.1 on node002 is down",
    ),
    (
        "plug seen",
        "mlx5",
        lambda f: with_vf(f, plug=replace(_PENDING, pci="0000:05:00.7")),
        "the port is plugged on node002 as VF 0000:05:00.7 of ibhostnet, and bound as 0000:05:00.1",
    ),
    (
        "plug seen",
        "mlx5",
        lambda f: with_vf(f, plug=_PENDING),
        "the plug of VF 0000:05:00.1 on node002 is pending: no partition yet",
    ),
    (
        "physical port",
        "mlx4",
        lambda f: with_vf(f, port_state="down"),
        "the physical port of VF 0000:05:00.1 on node002 is down",
    ),
    (
        "subnet manager in office",
        "mlx4",
        lambda f: with_fabric(f, master=None, no_master="LID 1: no answer"),
        "no subnet manager is in office on the fabric",
    ),
    (
        "fabricd beside it",
        "mlx4",
        lambda f: with_agent(f, _FABRICD, "head", alive=False),
        "no ibstack-fabricd of ibhostnet reports to Neutron any more",
    ),
    (
        "fabricd beside it",
        "mlx4",
        lambda f: with_agent(f, _FABRICD, "head", role="standby"),
        "no live ibstack-fabricd of ibhostnet stands beside the subnet manager in office",
    ),
    (
        "subnet manager serves vports",
        "mlx5",
        lambda f: with_fabric(f, serves_vports=False),
        "the OpenSM on head cannot serve the virtual ports of ConnectX-4 and later",
    ),
    (
        "membership desired",
        "mlx5",
        lambda f: with_fabric(f, desired=DesiredFacts((), "its MAC is that of port p0")),
        "Neutron holds the port out of its partition: its MAC is that of port p0",
    ),
    (
        "membership desired",
        "mlx5",
        lambda f: with_fabric(f, desired=DesiredFacts(())),
        "Neutron does not count port p1 among the members of 0x0101",
    ),
    (
        "membership desired",
        "mlx4",
        lambda f: with_fabric(f, desired=DesiredFacts(("0x0000000000000005",))),
        "Neutron wants 0x0000000000000005 in 0x0101 for the port, and its host shows 0x0002c903",
    ),
    (
        "membership published",
        "mlx5",
        lambda f: with_file(f, members={}),
        "/etc/opensm/partitions.conf on head does not have 0xfa163e0000000001 in partition 0x0101",
    ),
    (
        "membership published",
        "mlx5",
        lambda f: with_file(f, members={GUID: "limited"}),
        "/etc/opensm/partitions.conf on head has 0xfa163e0000000001 as limited member of 0x0101",
    ),
    (
        "membership published",
        "mlx5",
        lambda f: with_file(f, whose="edited", faults=("line 3: no colon",)),
        "/etc/opensm/partitions.conf on head was edited by hand and is broken, so nothing is pub",
    ),
    (
        "membership published",
        "mlx5",
        lambda f: with_file(f, whose="foreign"),
        "/etc/opensm/partitions.conf on head was there before ibstack, so nothing is published",
    ),
    (
        "membership published",
        "mlx5",
        lambda f: with_file(dhcp_port(f), members={}),
        "/etc/opensm/partitions.conf on head does not have 0x0002c90300000021 in partition 0x0101",
    ),
    (
        "file loaded",
        "mlx5",
        lambda f: with_fabric(f, proofs=(0x7FF5,)),
        "OpenSM has not loaded /etc/opensm/partitions.conf of head: its proof key 0x7ff0",
    ),
    (
        "key in the table",
        "mlx4",
        lambda f: with_fabric(f, ports=()),
        "the adapter of node002, 0x0002c90300000031, is not on the fabric",
    ),
    (
        "key in the table",
        "mlx4",
        lambda f: with_another(f, PHYSICAL, "thief at port 9 of switch 0x0002c902f0000100"),
        "2 ports of the fabric have GUID 0x0002c90300000031, and OpenSM serves one of them: node002"
        ", thief at port 9 of switch",
    ),
    (
        "key in the table",
        "mlx5",
        lambda f: with_table(f, GUID, 0x7FFF, 0, 0),
        "the P_Key table of 0xfa163e0000000001 (node002) does not hold 0x8101",
    ),
    (
        "key in the table",
        "mlx5",
        lambda f: with_table(f, GUID, 0x0101, 0x7FFF, 0),
        "the P_Key table of 0xfa163e0000000001 (node002) has 0x0101, limited member, and should",
    ),
    (
        "key in the table",
        "mlx5",
        lambda f: with_table(f, GUID, 0x7FFF, 0x8101, 0),
        "the P_Key table of 0xfa163e0000000001 (node002) has 0x8101 at index 1, and ib0 of a gue",
    ),
    (
        "key in the table",
        "mlx4",
        lambda f: with_table(f, PHYSICAL, 0x7FFF, 0x8102, 0x8103),
        "the P_Key table of 0x0002c90300000031 (node002) is full: 3 entries, and 0x8101 is not",
    ),
    (
        "key in the table",
        "mlx4",
        lambda f: with_table(f, PHYSICAL, 0xFFFF, 0x8101, 0),
        "the P_Key table of 0x0002c90300000031 (node002) holds 0xffff: the port can talk to every",
    ),
    (
        "key in the table",
        "mlx5",
        lambda f: with_table(dhcp_port(f), DHCP_GUID, 0x7FFF, 0x0101, 0),
        "the P_Key table of 0x0002c90300000021 (node001) has 0x0101, limited member, and should",
    ),
    (
        "key in the table",
        "mlx4",
        lambda f: with_network(
            with_table(listed(f), PHYSICAL, 0xFFFF, 0, 0), network_type="flat", segmentation_id=None
        ),
        "the P_Key table of 0x0002c90300000031 (node002) holds 0xffff, and a port of a flat netw",
    ),
    (
        "index mapped",
        "mlx4",
        lambda f: with_vf(f, index=None, entry=None),
        "index 0 of VF 0000:05:00.1 on node002 leads to nothing, and not to 0x8101",
    ),
    (
        "index mapped",
        "mlx4",
        lambda f: with_vf(f, index=2, entry=0x8102),
        "index 0 of VF 0000:05:00.1 on node002 leads to physical index 2, which holds 0x8102",
    ),
    (
        "alias GUID",
        "mlx4",
        lambda f: with_vf(f, alias=0x0014050000000001),
        "the subnet manager has given VF 0000:05:00.1 on node002 the GUID 0x0014050000000001",
    ),
    (
        "alias GUID",
        "mlx4",
        lambda f: with_vf(f, alias=0, declined=True),
        "the subnet manager declined GUID 0xfa163e0000000001 for VF 0000:05:00.1 on node002, and",
    ),
    (
        "IPoIB broadcast group",
        "mlx5",
        lambda f: replace(f, group=GroupFacts("node001", False)),
        "partition 0x0101 has no IPoIB broadcast group, so no guest can ask for an address",
    ),
    (
        "DHCP agent",
        "mlx5",
        lambda f: replace(f, cloud=replace(f.cloud, dhcp_hosts=())),
        "no DHCP agent serves network red",
    ),
    (
        "DHCP agent",
        "mlx5",
        lambda f: with_agent(f, _DHCP, "node001", alive=False),
        "the DHCP agent of network red, on node001, does not report to Neutron any more",
    ),
    (
        "DHCP host a member",
        "mlx5",
        lambda f: with_table(f, DHCP_GUID, 0x7FFF, 0x0101, 0),
        "the host that serves DHCP, node001, is no full member of 0x0101",
    ),
    (
        "client-id",
        "mlx5",
        lambda f: with_port(f, client_id=None),
        "the port has no client-id, and guests on InfiniBand ask with nothing else",
    ),
    (
        "client-id",
        "mlx5",
        lambda f: with_port(f, client_id="01:fa:16:3e:00:00:01"),
        "the port's client-id 01:fa:16:3e:00:00:01 is none that InfiniBand guests send",
    ),
    (
        "client-id",
        "mlx5",
        lambda f: with_port(f, client_id="20:fa:16:3e:00:00:00:00:02"),
        "the port's client-id is of GUID 0xfa163e0000000002, and its guest asks with 0xfa163e0000",
    ),
    (
        "known to dnsmasq",
        "mlx5",
        lambda f: with_dhcp(f, known=False),
        "the DHCP agent on node001 does not know the port in network red",
    ),
    (
        "known to dnsmasq",
        "mlx5",
        lambda f: with_dhcp(f, served=False),
        "the DHCP agent on node001 has nothing of network red",
    ),
    (
        "known to dnsmasq",
        "mlx5",
        lambda f: with_dhcp(f, client_id="20:00"),
        "dnsmasq on node001 knows the port by client-id 20:00, and Neutron by 20:fa:16:3e",
    ),
    (
        "provisioned",
        "mlx5",
        lambda f: with_port(f, status="DOWN"),
        "Neutron has the port as DOWN, and waits for a provisioning entity",
    ),
    (
        "lease",
        "mlx5",
        lambda f: with_dhcp(f, lease=None, unmatched=("20:ab",)),
        "no guest has asked for the address with client-id 20:fa:16:3e:00:00:00:00:01; leases",
    ),
]


@pytest.mark.parametrize("kind", ["mlx4", "mlx5"])
def test_nothing_is_wrong_with_a_healthy_port(kind: str) -> None:
    explained = diagnose(healthy(kind))

    assert explained.answer == "port vm1: nothing is wrong on its whole way"
    assert (explained.exit_code, explained.unknown) == (0, ())
    assert [step for step, _ in explained.walked] == list(STEPS)


@pytest.mark.parametrize("owner", ["network:dhcp", "network:router_interface"])
def test_a_port_that_its_host_plugs_needs_no_vf_and_no_guest(owner: str) -> None:
    explained = diagnose(dhcp_port(healthy("mlx5"), owner))

    assert explained.exit_code == 0, explained.answer
    state = {step.looked_at: finding.state for step, finding in explained.walked}
    assert state["vnic type"] is state["VF present"] is State.NOT_NEEDED
    assert state["client-id"] is state["lease"] is State.NOT_NEEDED
    assert state["membership published"] is state["key in the table"] is State.RIGHT


def test_an_ethernet_port_is_sent_to_no_harmful_remedy() -> None:
    facts = with_port(healthy("mlx5"), vif_type="hw_veb", vnic_type="direct", host="node009")
    explained = diagnose(twin(with_network(facts, physical_network="ethernet"), host="node008"))

    assert explained.to_do.startswith("Ask who keeps that network")


def test_a_twin_that_is_no_direct_port_is_none() -> None:
    assert diagnose(twin(healthy("mlx5"), vnic_type="normal", host="x")).fault is None


@pytest.mark.parametrize(
    ("step", "kind", "change", "says"), FAULTS, ids=[f"{f[0]}: {f[3][:40]}" for f in FAULTS]
)
def test_a_fault_is_the_first_line(step: str, kind: str, change: Change, says: str) -> None:
    explained = diagnose(change(healthy(kind)))

    assert explained.answer.startswith(f"port vm1: {says}")
    assert explained.exit_code == 3
    (found,) = {s.looked_at for s, finding in explained.walked if finding is explained.fault}
    assert found == step
    assert explained.fault is not None
    assert explained.fault.source
    assert explained.to_do.endswith(".")
    if explained.fault.state is State.WRONG:
        assert explained.walked[-1][1] is explained.fault


def test_every_station_has_a_fault_that_it_names() -> None:
    assert {step.looked_at for step in STEPS} == {fault[0] for fault in FAULTS}


def test_what_nobody_could_look_at_is_named_and_is_not_right() -> None:
    facts = replace(
        healthy("mlx4"),
        vf=None,
        fabric=None,
        dhcp=(),
        group=None,
        missing=(("vf", "ssh: no route"), ("fabric", "ssh: no route"), ("dhcp", "ssh: no route")),
    )
    explained = diagnose(facts)

    assert explained.exit_code == 4
    assert "could not be looked at" in explained.answer
    assert {"GUID of the VF", "key in the table", "lease"} <= set(explained.unknown)
    said = [f.found for s, f in explained.walked if s.looked_at == "GUID of the VF"]
    assert said == ["ssh: no route"]


def test_what_waits_is_the_answer_only_where_nothing_behind_it_is_wrong() -> None:
    pending = with_vf(healthy("mlx4"), plug=_PENDING, index=None, entry=None)

    assert "is pending" in diagnose(pending).answer
    assert "no subnet manager" in diagnose(with_fabric(pending, master=None)).answer


@pytest.mark.parametrize("declined", [None, False])
def test_a_guid_that_no_subnet_manager_has_accepted_is_not_called_right(
    declined: bool | None,
) -> None:
    facts = with_vf(healthy("mlx4"), alias=0, declined=declined)

    assert diagnose(facts).unknown == ("alias GUID",)
    state = {s.looked_at: f.state for s, f in diagnose(with_port(facts, status="DOWN")).walked}
    assert state["alias GUID"] is State.NOT_NEEDED


def test_a_full_member_that_the_settings_list_is_no_open_port() -> None:
    facts = with_table(healthy("mlx4"), PHYSICAL, 0xFFFF, 0x8101, 0)

    assert "the port can talk to every other" in diagnose(facts).answer
    assert diagnose(listed(facts)).exit_code == 0


def test_a_vf_that_no_walk_finds_is_not_known_where_neutron_says_that_it_serves() -> None:
    """A real adapter may show its VFs as no nodes of their own: ibsim's are."""
    facts = healthy("mlx5")
    assert facts.fabric is not None
    off = with_fabric(facts, ports=tuple(p for p in facts.fabric.ports if p.guid != GUID))

    explained = diagnose(off)
    assert (explained.exit_code, explained.unknown) == (4, ("key in the table",))
    state = {s.looked_at: f.state for s, f in diagnose(with_port(off, status="DOWN")).walked}
    assert state["key in the table"] is State.NOT_NEEDED


def test_a_file_that_may_not_be_read_is_not_known_and_was_edited_by_nobody() -> None:
    facts = with_file(healthy("mlx5"), whose="not known", faults=("cannot read it",), proof=None)

    assert diagnose(facts).exit_code == 4
    assert diagnose(facts).unknown == ("membership published", "file loaded")

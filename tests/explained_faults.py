# SPDX-License-Identifier: Apache-2.0
"""Faults of a port in the lab: how each is injected, and what its first line must say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from explained_scene import DHCP_HOST, KEY, MLX4, MLX5, Scene, place
from ibstack.fabric.guid import Guid
from ibstack_lab.hosts.hardware import NO_GUID
from tenant_ports import TenantPort, ebrctl, wait_for

Break: TypeAlias = Callable[[Scene], AbstractContextManager[str]]
"""Injects a fault; yields the port to explain."""

FREE_VF: Final = 12
_FULL, _LIMITED = 0x8000 | KEY, KEY
_ALL_ONES: Final = "ffffffffffffffff"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and the first line that names it."""

    name: str
    inject: Break
    says: str
    """A pattern, for the line after `port NAME: `."""
    host: str | None = None

    def is_named_by(self, line: str) -> bool:
        return re.search(rf"^port [^:]*(:[^ ]+)*: {self.says}", line) is not None


def _fault(says: str, host: str | None = None) -> Callable[[Callable[[Scene], Iterator[str]]], Any]:
    def register(inject: Callable[[Scene], Iterator[str]]) -> Callable[[Scene], Iterator[str]]:
        name = inject.__name__.replace("_", " ")
        FAULTS.append(Fault(name, contextmanager(inject), says, host))
        return inject

    return register


FAULTS: Final[list[Fault]] = []
PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "explain.md"


def rows_of_the_page() -> dict[str, str]:
    """Return the table of faults: name, and first line with … for what is left out."""
    _, _, table = PAGE.read_text().partition("| fault | first line |")
    rows = [line.strip("| \n").split(" | ") for line in table.splitlines()[2:] if line]
    return {name: line for name, line in rows}


def on_the_page(name: str) -> str:
    """Return a pattern for the whole first line, as the page has it."""
    told = rows_of_the_page()[name]
    return rf"^port [^ ]+: {re.escape(told).replace('…', '.*')}$"


# In Neutron.


@_fault("the port is switched off in Neutron$")
def switched_off(scene: Scene) -> Iterator[str]:
    with scene.port(admin_state_up=False) as port:
        yield port["id"]


@_fault("the port's vnic type is normal, and only direct ports get a VF$")
def a_normal_port(scene: Scene) -> Iterator[str]:
    with scene.port(**{"binding:vnic_type": "normal"}) as port:
        yield port["id"]


@_fault("the port has been given to no host: no server has it$")
def no_host(scene: Scene) -> Iterator[str]:
    with scene.port() as port:
        yield port["id"]


@_fault("Neutron could not bind the port to nowhere: ibstack-agent on nowhere has never reported")
def a_host_without_an_agent(scene: Scene) -> Iterator[str]:
    with scene.port(**place("nowhere", "0000:05:00.1")) as port:
        yield port["id"]


@_fault("Neutron could not bind the port to node002: 0000:07:00.1 is no VF of node002")
def a_pci_slot_that_is_no_vf(scene: Scene) -> Iterator[str]:
    with scene.port(**place(MLX4, "0000:07:00.1")) as port:
        yield port["id"]


@_fault("Neutron could not bind the port to node002: VF .* of node002 is also that of port")
def a_vf_of_another_port(scene: Scene) -> Iterator[str]:
    with scene.port(**place(MLX4, scene.mlx4.machine.pci)) as port:
        yield port["id"]


@_fault("Neutron could not bind the port to node003: ibstack-agent on node003 does not report")
def bound_while_the_agent_was_dead(scene: Scene) -> Iterator[str]:
    pci = str(scene.cloud.topology.host(MLX5).vf_pci(FREE_VF))
    with ExitStack() as undo:
        undo.enter_context(scene.gone("ibstack-agent", MLX5, f"agent-{MLX5}"))
        yield undo.enter_context(scene.port(**place(MLX5, pci)))["id"]


@_fault("ibstack-agent on node002 does not report to Neutron any more$")
def the_agent_died(scene: Scene) -> Iterator[str]:
    with scene.gone("ibstack-agent", MLX4, f"agent-{MLX4}"):
        yield scene.mlx4.name


@_fault("network other is no InfiniBand network, for none of ibstack's agents serves its physical")
def a_physical_network_that_is_not_mapped(scene: Scene) -> Iterator[str]:
    pci = str(scene.cloud.topology.host(MLX5).vf_pci(FREE_VF))
    other = scene.other_network()
    with scene.port(network_id=other["id"], **place(MLX5, pci)) as port:
        yield port["id"]


# On the host.


@_fault("ibstack-eswitchd on node003 does not answer$")
def eswitchd_died(scene: Scene) -> Iterator[str]:
    with scene.stopped(f"eswitchd-{MLX5}"):
        yield scene.mlx5.name


@_fault("node002 has no PCI function 0000:05:0")
def no_pci_function(scene: Scene) -> Iterator[str]:
    link = _sysfs(scene, MLX4) / "bus/pci/devices" / scene.mlx4.machine.pci
    target = link.readlink()
    link.unlink()
    try:
        yield scene.mlx4.name
    finally:
        link.symlink_to(target)


@_fault("nobody has plugged the port on node003: VF .* has no attachment$")
def never_plugged(scene: Scene) -> Iterator[str]:
    with scene.tenant(MLX5, FREE_VF) as port:
        yield port.id


@_fault("VF .* of node003 is plugged for MAC .*, of which Neutron has no port$", host=MLX5)
def plugged_before_it_was_made(scene: Scene) -> Iterator[str]:
    mac, pci = "fa:16:3e:0d:0e:0f", str(scene.cloud.topology.host(MLX5).vf_pci(FREE_VF))
    words = (mac, "instance", "ibhostnet", "ib_hostdev", pci, "--wait", "0")
    ebrctl(scene.cloud, MLX5, "add-port", *words)
    try:
        yield mac
    finally:
        ebrctl(scene.cloud, MLX5, "del-port", "ibhostnet", mac)


@_fault("VF .* of node002 is still plugged for MAC fa:16:3e:0d:0e:10$")
def a_vf_that_was_not_given_back(scene: Scene) -> Iterator[str]:
    mac = "fa:16:3e:0d:0e:10"
    with scene.tenant(MLX4, FREE_VF) as port:
        words = (mac, "instance", "ibhostnet", "ib_hostdev", str(port.pci), "--wait", "0")
        ebrctl(scene.cloud, MLX4, "add-port", *words)
        yield port.id
        ebrctl(scene.cloud, MLX4, "del-port", "ibhostnet", mac)


@_fault("the GUID of VF .* on node003 is zero, and should be 0x")
def a_guid_of_zero(scene: Scene) -> Iterator[str]:
    with scene.held(f"agent-{MLX5}"), scene.stubborn(_mlx5_file(scene, "port"), f"{NO_GUID}\n"):
        yield scene.mlx5.name


@_fault("the GUID of VF .* on node002 is all F, and should be 0x")
def a_guid_that_was_deleted(scene: Scene) -> Iterator[str]:
    with scene.held(f"agent-{MLX4}"), scene.stubborn(_mlx4_guid(scene), f"{_ALL_ONES}\n"):
        yield scene.mlx4.name


@_fault("VF .* on node002 has the GUID of another, 0xfa163e0000aabbcc, and should have 0x")
def a_guid_of_another(scene: Scene) -> Iterator[str]:
    with scene.held(f"agent-{MLX4}"), scene.stubborn(_mlx4_guid(scene), "fa163e0000aabbcc\n"):
        yield scene.mlx4.name


@_fault("the link of VF .* on node003 is down, and its plug is pending: it is not as it was conf")
def a_link_that_is_down(scene: Scene) -> Iterator[str]:
    with scene.held(f"agent-{MLX5}"), scene.text(_mlx5_file(scene, "policy"), "Down\n"):
        yield scene.mlx5.name


@_fault("the link of VF .* on node003 is down, and its plug is pending: no partition has been")
def an_agent_that_hangs(scene: Scene) -> Iterator[str]:
    with scene.held(f"agent-{MLX5}"), scene.tenant(MLX5, FREE_VF) as port:
        port.plug()
        yield port.id


@_fault("the plug of VF .* on node002 is pending: it is not as it was configured")
def an_index_that_leads_nowhere(scene: Scene) -> Iterator[str]:
    number = _number(scene, scene.mlx4)
    path = scene.hardware(MLX4).slave_folder(number) / "ports/1/pkey_idx/0"
    with scene.held(f"agent-{MLX4}"), scene.text(path, "none\n"):
        yield scene.mlx4.name


# On the fabric.


@_fault("no subnet manager is in office on the fabric$")
def no_opensm(scene: Scene) -> Iterator[str]:
    with scene.held("opensm-head", "opensm-node001"):
        yield scene.mlx5.name


@_fault("no ibstack-fabricd of ibhostnet reports to Neutron any more$")
def no_fabricd(scene: Scene) -> Iterator[str]:
    with scene.gone("ibstack-fabricd", "all", "fabricd-head", "fabricd-node001"):
        yield scene.mlx4.name


@_fault(r"/.*partitions.conf on head does not have 0xfa163e.* in partition 0x0261$")
def a_fabricd_that_hangs(scene: Scene) -> Iterator[str]:
    with scene.held("fabricd-head", "fabricd-node001"), scene.tenant(MLX5, FREE_VF) as port:
        port.plug()
        yield port.id


@_fault("/.*partitions.conf on head was edited by hand and is broken, so nothing is published")
def a_broken_partitions_file(scene: Scene) -> Iterator[str]:
    path = scene.cloud.fabric.partitions_conf("head")
    # Held, or an OpenSM that sweeps now opens the whole fabric.
    with scene.held("fabricd-head"), scene.text(path, f"{path.read_text()}tenant=0x10101 : x\n"):
        yield scene.mlx4.name


@_fault("the P_Key table of 0x.*31 .* has 0x0261, limited member, and should have 0x8261$")
def a_limited_entry(scene: Scene) -> Iterator[str]:
    guid = _physical(scene)
    with scene.table(guid, {scene.index_of(guid, _FULL): _LIMITED}):
        yield scene.mlx4.name


@_fault("the P_Key table of 0xfa163e.* does not hold 0x8261$")
def a_missing_entry(scene: Scene) -> Iterator[str]:
    with scene.table(_vport(scene), {0: 0x8FFE}):
        yield scene.mlx5.name


@_fault("the P_Key table of 0x.*31 .* holds 0xffff: the port can talk to every other$")
def an_open_port(scene: Scene) -> Iterator[str]:
    guid = _physical(scene)
    with scene.table(guid, {scene.index_of(guid, 0x7FFF): 0xFFFF}):
        yield scene.mlx4.name


@_fault("the P_Key table of 0x.*31 .* is full: .* entries, and 0x8261 is not one of them$")
def a_full_table(scene: Scene) -> Iterator[str]:
    guid = _physical(scene)
    first = scene.index_of(guid, 0x7FFF)
    others = {n: 0x9000 + n for n in range(scene.length_of(guid)) if n != first}
    with scene.table(guid, others):
        yield scene.mlx4.name


@_fault("the P_Key table of 0xfa163e.* has 0x8261 at index 5, and ib0 of a guest looks at index 0$")
def an_entry_at_another_index(scene: Scene) -> Iterator[str]:
    with scene.table(_vport(scene), {0: 0x7FFF, 5: _FULL}):
        yield scene.mlx5.name


# At DHCP.


@_fault("the DHCP agent of network .*, on node001, does not report to Neutron any more$")
def no_dhcp_agent(scene: Scene) -> Iterator[str]:
    with scene.gone("neutron-dhcp-agent", DHCP_HOST, f"dhcp-{DHCP_HOST}"):
        yield scene.mlx4.name


@_fault("the host that serves DHCP, node001, is no full member of 0x0261$")
def a_dhcp_host_that_is_no_member(scene: Scene) -> Iterator[str]:
    guid = scene.cloud.topology.host(DHCP_HOST).port_guid
    with scene.table(guid, {scene.index_of(guid, _FULL): _LIMITED}):
        yield scene.mlx5.name


@_fault("the port's client-id is of GUID 0xfa163e0000112233, and its guest asks with 0xfa163e")
def a_client_id_of_another(scene: Scene) -> Iterator[str]:
    wrong = {"opt_name": "client-id", "opt_value": "20:fa:16:3e:00:00:11:22:33", "ip_version": 4}
    with scene.tenant(MLX5, FREE_VF) as port:
        scene.operator.update("ports", port.id, extra_dhcp_opts=[wrong])
        port.plug()
        yield port.id


@_fault("the DHCP agent on node001 does not know the port in network net261$")
def a_dhcp_agent_that_hangs(scene: Scene) -> Iterator[str]:
    with scene.held(f"dhcp-{DHCP_HOST}"), scene.tenant(MLX5, FREE_VF) as port:
        port.plug()
        yield port.id


@_fault("no guest has asked for the address with client-id 20:fa:16:3e:00:00:")
def a_guest_that_does_not_ask(scene: Scene) -> Iterator[str]:
    with scene.tenant(MLX5, FREE_VF) as port:
        port.plug()
        _wait_active(port)
        yield port.id


def _wait_active(port: TenantPort) -> None:
    wait_for(f"{port} is ACTIVE", lambda: port.status() == "ACTIVE")


def _physical(scene: Scene) -> Guid:
    return scene.cloud.topology.host(MLX4).port_guid


def _vport(scene: Scene) -> Guid:
    return Guid.from_mac(scene.mlx5.machine.mac)


def _number(scene: Scene, member: Any) -> int:
    host = scene.cloud.topology.host(member.machine.host)
    return next(n for n in range(host.vfs) if str(host.vf_pci(n)) == member.machine.pci)


def _sysfs(scene: Scene, host: str) -> Path:
    return scene.cloud.lab.host(host) / "sys"


def _mlx5_file(scene: Scene, name: str) -> Path:
    return scene.hardware(MLX5).sriov_folder(_number(scene, scene.mlx5)) / name


def _mlx4_guid(scene: Scene) -> Path:
    number = _number(scene, scene.mlx4)
    return scene.hardware(MLX4).iov_port_folder / f"admin_guids/{number + 1}"

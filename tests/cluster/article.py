# SPDX-License-Identifier: Apache-2.0
"""The cluster that the article starts from: a head node, a network node, two compute hosts and
twelve virtual nodes, OpenStack on all of them, InfiniBand on none yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.cluster.model.device import HEAD, PHYSICAL, VIRTUAL
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.state import Draft, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.value import Value

KERNEL_PARAMETERS = "biosdevname=0 nonm acpi=on nicdelay=0 nomodeset rdblacklist=nouveau"
HOSTS = ("headnode", "node001", "node002", "node003")
VNODES = tuple(f"vnode{number:03}" for number in range(1, 13))
_NETWORK_SERVICES = ("neutron-dhcp-agent", "neutron-l3-agent", "neutron-metadata-agent")
_RECORDED = Path(__file__).parents[1] / "recorded/article"
_SLEEP = "    sleep 3\n"


def agent_script(*, waits: bool) -> str:
    """Return the init script of Mellanox's agent: *waits* for eswitchd, as step 37 makes it.

    Its start() is the article's; what is around it came with the package, and is ours.
    """
    start = (_RECORDED / "image_neutron-mlnx-agent.start_function").read_text()
    assert _SLEEP in start
    body = start if waits else start.replace(_SLEEP, "")
    return f"#!/bin/bash\nproj=neutron\nplugin=mlnx-agent\nprog=$proj-$plugin\n\n{body}"


def starting_state() -> State:
    """Return it, as the first commit of a store."""
    return State([*_images(), *_networks(), *_fabric(), *_categories(), *_devices()], revision=1)


def alternative_state() -> State:
    """Return it with the network node among the compute hosts, the network role as its own."""
    draft = Draft(starting_state())
    path = EntityPath.of("device", "node001")
    node = draft.get(path)
    assert node is not None
    draft.put(node.with_value("category", "openstack-compute-hosts"))
    draft.put(_role(node, "openstacknetwork", l2agent="linuxbridge", isolation="vlan"))
    for service in _services(node, *_NETWORK_SERVICES):
        draft.put(service)
    return draft.base.with_changes(draft.changes(), 1)


def _object(kind: str, name: str, /, type_: str = "", **values: Value) -> Entity:
    return Entity(EntityPath.of(kind, name), type_, values)


def _inside(owner: Entity, kind: str, name: str, /, type_: str = "", **values: Value) -> Entity:
    return Entity(owner.path.inside(kind, name), type_, values)


def _role(owner: Entity, name: str, /, **values: Value) -> Entity:
    return _inside(owner, "roles", name, name, **values)


def _services(owner: Entity, *names: str) -> Iterator[Entity]:
    for name in names:
        yield _inside(owner, "services", name, monitored=True, autostart=True)


def _images() -> Iterator[Entity]:
    yield _object(
        "softwareimage",
        "openstack-image",
        path="/cm/images/openstack-image",
        kernelparameters=KERNEL_PARAMETERS,
    )
    yield _object("softwareimage", "virtual-node-image", path="/cm/images/virtual-node-image")


def _networks() -> Iterator[Entity]:
    yield _object(
        "network",
        "internalnet",
        baseaddress="10.141.0.0",
        broadcastaddress="10.141.255.255",
        domainname="eth.cluster",
        dynamicrangestart="10.141.160.0",
        dynamicrangeend="10.141.167.255",
        gateway="10.141.255.254",
        managementallowed=True,
        nodebooting=True,
    )
    yield _object(
        "network",
        "flathostnet",
        openstackhostnetwork="internalnet",
        openstackphysicalnetworkname="phyflatnet",
        openstacknetworktype="Flat",
    )
    yield _object(
        "network",
        "vlanhostnet",
        openstackhostnetwork="internalnet",
        openstackphysicalnetworkname="phyvlanhostnet",
        openstackvlanrange="11:20",
        openstacknetworktype="VLAN",
    )


def _fabric() -> Iterator[Entity]:
    yield _object(
        "fabric", "ibhostnet", keyrange="1:10", adapter="mlx4", subnetmanagers=("headnode",)
    )
    yield _object(
        "partition",
        "base",
        clustername="openstack",
        headnode="headnode",
        defaultcategory="openstack-compute-hosts",
        managementnetwork="internalnet",
        l2agent="linuxbridge",
    )


def _categories() -> Iterator[Entity]:
    compute = _object("category", "openstack-compute-hosts", softwareimage="openstack-image")
    network = _object("category", "openstack-network-nodes", softwareimage="openstack-image")
    virtual = _object("category", "virtual-nodes", softwareimage="virtual-node-image")
    yield from (compute, network, virtual)
    yield _role(compute, "openstacknode", l2agent="linuxbridge", isolation="vlan")
    yield _role(network, "openstacknetwork", l2agent="linuxbridge", isolation="vlan")
    yield from _services(compute, "libvirtd", "openstack-nova-compute", "neutron-linuxbridge-agent")
    yield from _services(
        network,
        *_NETWORK_SERVICES,
        "neutron-linuxbridge-agent",
    )


def _devices() -> Iterator[Entity]:
    head = _object("device", "headnode", HEAD, ip="10.141.255.254", network="internalnet")
    yield head
    yield _inside(
        head, "interfaces", "eth0", "physical", ip="10.141.255.254", network="internalnet"
    )
    yield _role(head, "openstacknode", l2agent="linuxbridge", isolation="vlan")
    yield from _services(head, "neutron-server", "opensm")
    for number in (1, 2, 3):
        category = "openstack-network-nodes" if number == 1 else "openstack-compute-hosts"
        node, *inside = _node(f"node{number:03}", PHYSICAL, category, f"10.141.0.{number}", number)
        yield from (node, *inside)
        if number == 1:
            yield from _services(node, "opensm")
    for number, name in enumerate(VNODES, start=1):
        node, *inside = _node(name, VIRTUAL, "virtual-nodes", f"10.141.1.{number}", 256 + number)
        yield from (node, *inside, _inside(node, "virtualnodesettings", SINGLE))


def _node(name: str, type_: str, category: str, address: str, number: int) -> Iterator[Entity]:
    mac = f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"
    node = _object(
        "device", name, type_, mac=mac, category=category, ip=address, network="internalnet"
    )
    yield node
    yield _inside(node, "interfaces", "BOOTIF", "physical", ip=address, network="internalnet")

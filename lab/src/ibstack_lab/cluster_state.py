# SPDX-License-Identifier: Apache-2.0
"""The cluster that the article starts from, as what a person would type into the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD: Final = "headnode"
NODES: Final = ("node001", "node002", "node003")
VIRTUAL_NODES: Final = tuple(f"vnode{number:03}" for number in range(1, 13))
IMAGES: Final = ("openstack-image", "virtual-node-image")

_COMPUTE: Final = "openstack-compute-hosts"
_NETWORK: Final = "openstack-network-nodes"
_VIRTUAL: Final = "virtual-nodes"
_LAYER_2: Final = "set l2agent linuxbridge; set isolation vlan"

_OBJECTS: Final = """
softwareimage; add openstack-image; set path /cm/images/openstack-image
set kernelparameters "biosdevname=0 nonm acpi=on nicdelay=0 nomodeset rdblacklist=nouveau"
home; softwareimage; add virtual-node-image; set path /cm/images/virtual-node-image
home; network; add internalnet; set baseaddress 10.141.0.0; set broadcastaddress 10.141.255.255
set domainname eth.cluster; set gateway 10.141.255.254; set managementallowed yes
set dynamicrangestart 10.141.160.0; set dynamicrangeend 10.141.167.255; set nodebooting yes
home; network; add flathostnet; set openstackhostnetwork internalnet; set openstacknetworktype Flat
set openstackphysicalnetworkname phyflatnet
home; network; add vlanhostnet; set openstackhostnetwork internalnet; set openstacknetworktype VLAN
set openstackphysicalnetworkname phyvlanhostnet; set openstackvlanrange 11:20
"""
_REFERRING: Final = """
home; fabric; add ibhostnet; set keyrange 1:10; set adapter mlx4; set subnetmanagers headnode
home; partition; add base; set clustername openstack; set headnode headnode
set defaultcategory openstack-compute-hosts; set managementnetwork internalnet
set l2agent linuxbridge
"""


def starting_state() -> str:
    """Return the lines; they end with the commit."""
    lines = [_OBJECTS.strip(), *_categories(), *_devices(), _REFERRING.strip(), "home; commit"]
    return "\n".join(lines)


def _categories() -> Iterator[str]:
    yield f"home; category; add {_COMPUTE}; set softwareimage openstack-image"
    yield from _role("openstacknode")
    yield from _services("libvirtd", "openstack-nova-compute", "neutron-linuxbridge-agent")
    yield f"home; category; add {_NETWORK}; set softwareimage openstack-image"
    yield from _role("openstacknetwork")
    yield from _services("neutron-dhcp-agent", "neutron-l3-agent")
    yield from _services("neutron-linuxbridge-agent", "neutron-metadata-agent")
    yield f"home; category; add {_VIRTUAL}; set softwareimage virtual-node-image"


def _devices() -> Iterator[str]:
    yield f"home; device; add headnode {HEAD}; set ip 10.141.255.254; set network internalnet"
    yield from _interface("eth0", "10.141.255.254")
    yield from _role("openstacknode")
    yield from _services("neutron-server", "opensm")
    for number, name in enumerate(NODES, start=1):
        category = _NETWORK if number == 1 else _COMPUTE
        yield from _node(name, "physicalnode", category, f"10.141.0.{number}", number)
        if number == 1:
            yield from _services("opensm")
    for number, name in enumerate(VIRTUAL_NODES, start=1):
        yield from _node(name, "virtualnode", _VIRTUAL, f"10.141.1.{number}", 256 + number)


def _node(name: str, type_: str, category: str, address: str, number: int) -> Iterator[str]:
    mac = f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"
    yield f"home; device; add {type_} {name}; set category {category}; set mac {mac}"
    yield f"set ip {address}; set network internalnet"
    yield from _interface("BOOTIF", address)


def _interface(name: str, address: str) -> Iterator[str]:
    yield f"interfaces; add physical {name}; set ip {address}; set network internalnet; ..; .."


def _role(name: str) -> Iterator[str]:
    yield f"roles; assign {name}; {_LAYER_2}; ..; .."


def _services(*names: str) -> Iterator[str]:
    for name in names:
        yield f"services; add {name}; set monitored yes; set autostart yes; ..; .."

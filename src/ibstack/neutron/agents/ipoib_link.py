# SPDX-License-Identifier: Apache-2.0
"""Making an IPoIB child interface, by Neutron's privileged helper and pyroute2.

What `ip link add link ib0 name tap… type ipoib pkey 0x8001 mode datagram` says
(drivers/infiniband/ulp/ipoib/ipoib_netlink.c).
"""

from __future__ import annotations

import errno
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from neutron.privileged.agent.linux import ip_lib as privileged
from pyroute2.netlink.exceptions import NetlinkError

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.ipoib import LINK_LOCAL_PREFIX, IpoibMode
from ibstack.fabric.partition import FULL_MEMBER_BIT

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import TableEntry

KIND: Final = "ipoib"
"""IFLA_INFO_KIND of a child."""


_MODES: Final = {IpoibMode.DATAGRAM: 0, IpoibMode.CONNECTED: 1}
"""IPOIB_MODE_DATAGRAM, IPOIB_MODE_CONNECTED of include/uapi/linux/if_link.h."""


@dataclass(eq=False)
class LinkFailed(IbstackError):
    """The kernel did not do what was wanted with a network interface."""

    doing: str
    said: str

    def __str__(self) -> str:
        return f"cannot {self.doing}: {self.said}"


def make_child(parent: str, name: str, entry: TableEntry, mode: IpoibMode) -> None:
    """Make the child *name* of *parent* in this network namespace; LinkFailed where it cannot be.

    The full bit is always set: IPoIB's broadcast group is that of the full members (RFC 4391
    section 4), and so the kernel sets it too.
    """
    doing = f"make IPoIB interface {name}, child of {parent} with P_Key {entry}"
    try:
        privileged.create_interface(
            name,
            None,
            KIND,
            physical_interface=parent,
            pkey=entry.to_wire() | FULL_MEMBER_BIT,
            # By number: the name is pyroute2's, and only of some releases.
            mode=_MODES[mode],
        )
    except NetlinkError as error:
        hint = "; load the module ib_ipoib" if error.code == errno.EOPNOTSUPP else ""
        raise LinkFailed(doing, f"{error.args[-1]}{hint}") from error
    except (RuntimeError, OSError) as error:
        raise LinkFailed(doing, str(error)) from error


def link_local(guid: Guid) -> str:
    """Return the IPv6 link-local address, with its prefix length, that the kernel gives a child.

    The universal bit is set, whatever it was: RFC 4391 section 8, and net/ipv6/addrconf.c,
    addrconf_ifid_infiniband().
    """
    universal = 0x02 << 56
    return f"{ipaddress.IPv6Address(LINK_LOCAL_PREFIX << 64 | guid.value | universal)}/64"

# SPDX-License-Identifier: Apache-2.0
"""The article's `ethtool -i`: the mapped interface is IPoIB of an adapter of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.host.interfaces import ethtool, ethtool_name, mappings, not_mapped
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

# IPoIB of the kernel (drivers/infiniband/ulp/ipoib/ipoib_ethtool.c), and that of mlx5 with
# acceleration (mlx5/core/ipoib/ethtool.c).  eth_ipoib, which the article shows, is no IPoIB
# interface: ibstack has no use for it.
_DRIVERS: Final = ("ib_ipoib", "mlx5_core[ib_ipoib]")
_ABSENT: Final = "No such device"


def _look(host: Evidence) -> Iterator[Seen]:
    yield from not_mapped(host)
    for mapping in mappings(host):
        yield from _of(host, mapping.physical_network, mapping.interface)


def _of(host: Evidence, network: str, interface: str) -> Iterator[Seen]:
    name = ethtool_name(interface)
    thing = f"interface {interface} of {network}"
    text = host.text(name)
    if isinstance(text, Unread):
        yield Seen(host.host, None, text.why, shown(name), thing)
    elif _ABSENT in text:
        yield Seen(host.host, False, "there is no such interface", shown(name), thing)
    else:
        driver = ethtool(text).get("driver", "none")
        yield Seen(host.host, driver in _DRIVERS, f"driver {driver}", shown(name), thing)


RULE: Final = Rule(
    "adapter-driver",
    "the mapped interface is there, and is IPoIB",
    f"driver {_DRIVERS[0]} or {_DRIVERS[1]}",
    "name the adapter's IPoIB interface in [eswitch] physical_interface_mappings of"
    " /etc/ibstack/eswitchd.conf, and see that module ib_ipoib is loaded",
    each_adapter_host(_look),
)

# SPDX-License-Identifier: Apache-2.0
"""The article's `ibstat`: the adapter's port is InfiniBand, up, and configured by a manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import ESWITCHD_CONF, FABRICD_CONF, IBSTAT, shown
from ibstack.verify.host.served_ports import ETHERNET, served_ports
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.host.ibstat import IbstatPort
    from ibstack.verify.host.served_ports import ServedPorts

_NO_CABLE: Final = {"Polling", "Disabled", "Sleep"}
_NO_MANAGER: Final = "no subnet manager has configured it: look at OpenSM on the SM hosts"


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        looked_at = list(served_ports(host, text))
        for served in looked_at:
            yield _judged(host, served)
        if not looked_at and (host.has(ESWITCHD_CONF) or host.has(FABRICD_CONF)):
            yield Seen(host.host, None, "it shows no InfiniBand port", shown(IBSTAT))

    return host.read(IBSTAT, judge)


def _judged(host: Evidence, served: ServedPorts) -> Seen:
    thing = f"adapter {served.device}"
    if not served.ports:
        return Seen(host.host, False, "no such adapter", shown(IBSTAT), thing)
    port = min(served.ports, key=_distance)
    state, link = port.keys.get("State", "no state"), _link(port)
    found = f"{state}, {port.keys.get('Physical state', '?')}, {link}"
    remedy = _NO_MANAGER if state == "Initializing" else ""
    if link == ETHERNET:
        remedy = (
            "map another interface in /etc/ibstack/eswitchd.conf, or make the port InfiniBand:"
            f" `mlxconfig set LINK_TYPE_P{port.number}=1`, or port_type_array=1,1 of mlx4_core"
        )
    return Seen(host.host, _is_good(port), found, shown(IBSTAT), thing, "", remedy)


def _link(port: IbstatPort) -> str:
    return port.keys.get("Link layer", "no link layer")


def _is_good(port: IbstatPort) -> bool:
    return port.keys.get("State") == "Active" and _link(port) == "InfiniBand"


def _distance(port: IbstatPort) -> tuple[bool, bool]:
    """Put a good port first, and then one that has a cable."""
    return not _is_good(port), port.keys.get("Physical state") in _NO_CABLE


RULE: Final = Rule(
    "port-active",
    "the port of the adapter is active on the fabric",
    "Active, LinkUp, InfiniBand",
    "look at the cable and at the switch's port",
    each_adapter_host(_look),
)

# SPDX-License-Identifier: Apache-2.0
"""The article's `ibstat`: a port of the adapter is InfiniBand, up, and configured by a manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import IBSTAT, shown
from ibstack.verify.host.ibstat import adapters
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_NO_CABLE: Final = {"Polling", "Disabled", "Sleep"}
_WHY: Final = {
    "Ethernet": "set the port to InfiniBand: `mlxconfig set LINK_TYPE_P1=1`, or port_type_array=1,1"
    " of mlx4_core",
    "Initializing": "no subnet manager has configured it: look at OpenSM on the SM hosts",
}


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        for adapter in adapters(text):
            ports = [port.keys for port in adapter.ports]
            good = [p for p in ports if p.get("State") == "Active" and _link(p) == "InfiniBand"]
            best = (good or sorted(ports, key=_distance) or [{}])[0]
            told = f"{best.get('State', 'no port')}, {best.get('Physical state', '?')}"
            remedy = _WHY.get(_link(best)) or _WHY.get(best.get("State", ""), "")
            yield Seen(
                *(host.host, bool(good), f"{told}, {_link(best)}", shown(IBSTAT)),
                *(f"adapter {adapter.name}", "", remedy),
            )

    return host.read(IBSTAT, judge)


def _link(port: dict[str, str]) -> str:
    return port.get("Link layer", "no link layer")


def _distance(port: dict[str, str]) -> bool:
    """Put a port that has a cable first."""
    return port.get("Physical state") in _NO_CABLE


RULE: Final = Rule(
    "port-active",
    "a port of the adapter is active on the fabric",
    "Active, LinkUp, InfiniBand",
    "look at the cable and at the switch's port",
    each_adapter_host(_look),
)

# SPDX-License-Identifier: Apache-2.0
"""A host's adapters: interface, port, firmware."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import ESWITCHD_CONF, FABRICD_CONF, IBSTAT, Missing, shown
from ibstack.facts.host.ibstat import adapters
from ibstack.facts.host.interfaces import REFUSED, ethtool, ethtool_name, mapped, mappings
from ibstack.facts.host.served_ports import ETHERNET, served_ports
from ibstack.verify.check import Observation, rule
from ibstack.verify.selectors import each_adapter_host, on_text, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.host.ibstat import IbstatPort
    from ibstack.facts.host.served_ports import ServedPorts
    from ibstack.facts.site import Site


# IPoIB of the kernel (drivers/infiniband/ulp/ipoib/ipoib_ethtool.c), and that of mlx5 with
# acceleration (mlx5/core/ipoib/ethtool.c).  eth_ipoib, which the article shows, is no IPoIB
# interface: ibstack has no use for it.
_DRIVERS: Final = ("ib_ipoib", "mlx5_core[ib_ipoib]")
_ABSENT: Final = "No such device"


@rule(
    "adapter-driver",
    "the mapped interface is there, and is IPoIB",
    f"driver {_DRIVERS[0]} or {_DRIVERS[1]}",
    "name the adapter's IPoIB interface in [eswitch] physical_interface_mappings of"
    " /etc/ibstack/eswitchd.conf, and see that module ib_ipoib is loaded",
)
@each_adapter_host
def adapter_driver(host: Evidence) -> Iterator[Observation]:
    """The article's `ethtool -i`: the mapped interface is IPoIB of an adapter of ours."""
    yield from not_mapped(host)
    for mapping in mappings(host):
        yield from _driver_of(host, mapping.physical_network, mapping.interface)


def _driver_of(host: Evidence, network: str, interface: str) -> Iterator[Observation]:
    name = ethtool_name(interface)
    thing = f"interface {interface} of {network}"
    text = host.text(name)
    if isinstance(text, Missing):
        yield Observation(host.host, None, text.why, shown(name), thing)
    elif _ABSENT in text:
        yield Observation(host.host, False, "there is no such interface", shown(name), thing)
    else:
        driver = ethtool(text).get("driver", "none")
        yield Observation(host.host, driver in _DRIVERS, f"driver {driver}", shown(name), thing)


def not_mapped(host: Evidence) -> Iterator[Observation]:
    """Yield what of the file is not understood: nothing is known of what it maps."""
    known = mapped(host)
    if isinstance(known, Missing):
        if not known.absent:
            yield unknown(host, ESWITCHD_CONF, known)
        return
    for fault in known.faults:
        yield unknown(host, ESWITCHD_CONF, Missing(f"{REFUSED}: {fault}"))


@rule(
    "firmware-alike",
    "adapters of one type have the same firmware",
    "the firmware that most have",
    "burn the same image into all of them (`mlxfwmanager`, `flint -i IMAGE burn`), and restart",
)
def firmware_alike(site: Site) -> Iterator[Observation]:
    """Adapters of one type have one firmware: a fault of one host alone is hard to find."""
    versions: dict[str, Counter[str]] = {}
    for host in site.hosts.values():
        for kind, version in _installed(host):
            versions.setdefault(kind, Counter())[version] += 1

    def judge(host: Evidence) -> Iterator[Observation]:
        text = host.text(IBSTAT)
        if isinstance(text, Missing):
            yield unknown(host, IBSTAT, text)
        for kind, version in _installed(host):
            # The one that most have; of several as frequent the last by name, so that it is stable.
            usual = max(versions[kind].items(), key=lambda item: (item[1], item[0]))[0]
            yield Observation(
                host.host,
                version == usual,
                f"firmware {version} of {kind}",
                shown(IBSTAT),
                wanted=f"firmware {usual}, as most have",
            )

    return each_adapter_host(judge)(site)


def _installed(host: Evidence) -> Iterator[tuple[str, str]]:
    text = host.text(IBSTAT)
    if isinstance(text, str):
        for each in adapters(text):
            if each.keys.get("CA type") and each.keys.get("Firmware version"):
                yield each.keys["CA type"], each.keys["Firmware version"]


_NO_CABLE: Final = {"Polling", "Disabled", "Sleep"}
_NO_MANAGER: Final = "no subnet manager has configured it: look at OpenSM on the SM hosts"


@rule(
    "port-active",
    "the port of the adapter is active on the fabric",
    "Active, LinkUp, InfiniBand",
    "look at the cable and at the switch's port",
)
@each_adapter_host
@on_text(IBSTAT)
def port_active(host: Evidence, text: str) -> Iterator[Observation]:
    """The article's `ibstat`: the adapter's port is InfiniBand, up, and configured by a manager."""
    looked_at = list(served_ports(host, text))
    for served in looked_at:
        yield _best_port(host, served)
    if not looked_at and (host.has(ESWITCHD_CONF) or host.has(FABRICD_CONF)):
        yield Observation(host.host, None, "it shows no InfiniBand port", shown(IBSTAT))


def _best_port(host: Evidence, served: ServedPorts) -> Observation:
    thing = f"adapter {served.device}"
    if not served.ports:
        return Observation(host.host, False, "no such adapter", shown(IBSTAT), thing)
    port = min(served.ports, key=_distance)
    state, link = port.keys.get("State", "no state"), _link(port)
    found = f"{state}, {port.keys.get('Physical state', '?')}, {link}"
    remedy = _NO_MANAGER if state == "Initializing" else ""
    if link == ETHERNET:
        remedy = (
            "map another interface in /etc/ibstack/eswitchd.conf, or make the port InfiniBand:"
            f" `mlxconfig set LINK_TYPE_P{port.number}=1`, or port_type_array=1,1 of mlx4_core"
        )
    return Observation(host.host, _is_good(port), found, shown(IBSTAT), thing, "", remedy)


def _link(port: IbstatPort) -> str:
    return port.keys.get("Link layer", "no link layer")


def _is_good(port: IbstatPort) -> bool:
    return port.keys.get("State") == "Active" and _link(port) == "InfiniBand"


def _distance(port: IbstatPort) -> tuple[bool, bool]:
    """Put a good port first, and then one that has a cable."""
    return not _is_good(port), port.keys.get("Physical state") in _NO_CABLE

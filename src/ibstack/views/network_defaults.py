# SPDX-License-Identifier: Apache-2.0
"""Where a tenant's plain network lands, by Neutron's ini files, and whether its MTU fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oslo_config import cfg

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.mad import PortState, open_port
from ibstack.neutron.client.settings_files import read_files
from ibstack.neutron.networks.default_network import (
    NetworkPlacement,
    Outcome,
    TypeOptions,
    network_placements,
)
from ibstack.neutron.networks.fabric_mtu import IB_MTUS_BYTES as IB_MTUS_BYTES
from ibstack.neutron.networks.fabric_mtu import FabricMtu as FabricMtu
from ibstack.neutron.networks.fabric_mtu import MtuOptions, explain_difference, network_mtu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack.fabric.ipoib import IpoibMode

CONFIG_FILES: Final = (
    "/etc/neutron/neutron.conf",
    "/etc/neutron/plugins/ml2/ml2_conf.ini",
)

# Neutron's own options, by its names and with its defaults, so that this needs no Neutron.
_OPTIONS: Final[dict[str, list[cfg.Opt]]] = {
    "DEFAULT": [
        cfg.IntOpt("global_physnet_mtu", default=1500),
        cfg.ListOpt("service_plugins", default=[]),
    ],
    "ml2": [
        # Neutron 26 knows the older name only; 29 knows both, and prefers the newer.
        cfg.ListOpt("project_network_types"),
        cfg.ListOpt("tenant_network_types"),
        cfg.ListOpt("type_drivers", default=list(TypeOptions().type_drivers)),
        cfg.IntOpt("path_mtu", default=0),
        cfg.DictOpt("physical_network_mtus", default={}),
        cfg.IntOpt("overlay_ip_version", default=4, choices=[4, 6]),
    ],
    "ml2_type_vlan": [cfg.ListOpt("network_vlan_ranges", default=[])],
    "ml2_type_vxlan": [cfg.ListOpt("vni_ranges", default=[])],
    "ml2_type_geneve": [
        cfg.ListOpt("vni_ranges", default=[]),
        cfg.IntOpt("max_header_size", default=30),
    ],
    "ml2_type_gre": [cfg.ListOpt("tunnel_id_ranges", default=[])],
    "infiniband": [cfg.ListOpt("physical_networks", default=[])],
}


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files say."""

    types: TypeOptions
    mtus: MtuOptions
    infiniband: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DefaultRow:
    """One kind of network that Neutron may give a tenant; field by field as `-f json` has it."""

    network_type: str
    physical_network: str | None
    segments: int | None
    outcome: str
    why: str
    mtu_bytes: int | None
    """None: no tenant gets it."""
    fabric_mtu_bytes: int | None
    """None: it is not InfiniBand, or that is not known."""
    to_make_it_first: str


@dataclass(frozen=True, slots=True)
class NetworkDefaults:
    """Where a tenant's plain network lands, in the order in which Neutron tries."""

    rows: tuple[DefaultRow, ...]
    differences: tuple[str, ...]
    """Where Neutron's MTU and the fabric's differ, each with the remedy."""


def network_defaults(
    config_files: Sequence[str],
    infiniband: Sequence[str],
    fabric: FabricMtu | None,
    mode: IpoibMode,
    remark: Callable[[str], None],
) -> NetworkDefaults:
    """Return what Neutron's ini files mean for a tenant's networks; BadInput for such files.

    *config_files*: as neutron-server is started with; empty: the usual ones.
    *infiniband*: physical networks that are, beside those that the files name.
    *fabric*: None where it is not known.
    """
    files = _read(config_files, remark)
    names = (*files.infiniband, *infiniband)
    places = network_placements(files.types)
    real = None if fabric is None else fabric.ipoib_bytes(mode)
    if names and fabric is None:
        remark(
            "the fabric's MTU is not known: give --fabric-mtu, or --read-fabric on a machine"
            " with an adapter"
        )
    return NetworkDefaults(
        tuple(_row(each, files.mtus, real, names) for each in places),
        tuple(_differences(places, files.mtus, names, fabric, mode)),
    )


def _row(
    each: NetworkPlacement, mtus: MtuOptions, real: int | None, infiniband: Sequence[str]
) -> DefaultRow:
    never = each.outcome is Outcome.NEVER
    return DefaultRow(
        each.network_type,
        each.physical_network,
        each.segments,
        each.outcome.value,
        each.why,
        None if never else network_mtu(mtus, each.network_type, each.physical_network),
        real if each.physical_network in infiniband else None,
        "; ".join(each.to_make_it_first),
    )


def _differences(
    places: Sequence[NetworkPlacement],
    mtus: MtuOptions,
    infiniband: Sequence[str],
    fabric: FabricMtu | None,
    mode: IpoibMode,
) -> Iterator[str]:
    if fabric is None:
        return
    known = [each.physical_network for each in places if each.physical_network is not None]
    for name in dict.fromkeys(infiniband):
        others = [other for other in known if other != name]
        said = explain_difference(mtus, name, fabric, mode, others)
        if said is not None:
            yield said


def smallest_mtu_on_the_fabric(remark: Callable[[str], None]) -> int:
    """Return the smallest MTU of the active ports, in bytes; CannotReadFabric without a port."""
    with open_port() as local:
        fabric = local.discover()
    for problem in fabric.problems:
        remark(problem)
    # A switch's port 0 sends management datagrams only, and may be set to less than the cables.
    ends = [port for port in fabric.ends if port.number != 0]
    mtus = [
        port.mtu_bytes
        for port in (*ends, *fabric.switch_ports)
        if port.state is PortState.ACTIVE and port.mtu_bytes is not None
    ]
    if not mtus:
        raise TryLater(
            "cannot read the MTU of the fabric: no port of it is active; is a subnet manager"
            " running?"
        )
    return min(mtus)


def _read(given: Sequence[str], remark: Callable[[str], None]) -> _Files:
    paths = given or CONFIG_FILES
    there = [path for path in paths if Path(path).exists()]
    missing = [path for path in paths if path not in there]
    if not there or (missing and given):
        raise BadInput(
            f"cannot read Neutron's settings: there is no {', '.join(missing)}; name its files"
            " with --config-file"
        )
    conf = cfg.ConfigOpts()
    for group, options in _OPTIONS.items():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)
    try:
        read_files(conf, [], default_config_files=there, default_config_dirs=[])
        return _options(conf, remark)
    except (cfg.Error, ValueError, BadInput) as error:
        raise BadInput(f"cannot read Neutron's settings: {error}") from error


def _options(conf: cfg.ConfigOpts, remark: Callable[[str], None]) -> _Files:
    ml2 = conf.ml2
    tunnels = {
        "vxlan": conf.ml2_type_vxlan.vni_ranges,
        "geneve": conf.ml2_type_geneve.vni_ranges,
        "gre": conf.ml2_type_gre.tunnel_id_ranges,
    }
    return _Files(
        TypeOptions(
            tenant_types=_tenant_types(ml2, remark),
            type_drivers=tuple(ml2.type_drivers),
            vlan_ranges=tuple(conf.ml2_type_vlan.network_vlan_ranges),
            tunnel_ranges={kind: tuple(ranges) for kind, ranges in tunnels.items()},
            service_plugins=tuple(conf.service_plugins),
        ),
        MtuOptions(
            global_physnet_mtu=conf.global_physnet_mtu,
            path_mtu=ml2.path_mtu,
            physical_network_mtus={n: int(mtu) for n, mtu in ml2.physical_network_mtus.items()},
            overlay_ip_version=ml2.overlay_ip_version,
            geneve_header_bytes=conf.ml2_type_geneve.max_header_size,
        ),
        tuple(conf.infiniband.physical_networks),
    )


def _tenant_types(ml2: Any, remark: Callable[[str], None]) -> tuple[str, ...]:
    older, newer = ml2.tenant_network_types, ml2.project_network_types
    if older is not None and newer is not None and older != newer:
        remark(
            "tenant_network_types and project_network_types differ: Neutron 26 reads the former,"
            " and this is what a release that knows both makes of the latter; keep one"
        )
    chosen = older if newer is None else newer
    return TypeOptions().tenant_types if chosen is None else tuple(chosen)

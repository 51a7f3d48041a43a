# SPDX-License-Identifier: Apache-2.0
"""`ibstack network …`: what Neutron's ini files mean for a tenant's networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oslo_config import cfg

from ibstack.cli.shell import Lister, say
from ibstack.fabric.errors import BadInput, TryLater
from ibstack.fabric.ipoib import IpoibMode
from ibstack.mad import PortState, open_port
from ibstack.neutron.default_network import Landing, Outcome, TypeOptions, landings
from ibstack.neutron.fabric_mtu import (
    IB_MTUS_BYTES,
    FabricMtu,
    MtuOptions,
    explain_difference,
    network_mtu,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

COLUMNS: Final = (
    "network_type",
    "physical_network",
    "segments",
    "outcome",
    "why",
    "mtu_bytes",
    "fabric_mtu_bytes",
    "to_make_it_first",
)
"""Names are the keys of `-f json`, so they must not change."""
_CONFIG: Final = (
    "/etc/neutron/neutron.conf",
    "/etc/neutron/plugins/ml2/ml2_conf.ini",
)
_DIFFERS: Final = 3

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


class NetworkDefaults(Lister):
    """Explain where a tenant's plain `openstack network create` lands, by Neutron's ini files.

    The rows are in the order in which Neutron tries them.  For physical networks that are
    InfiniBand ([infiniband] physical_networks, or --infiniband) the MTU is compared with the
    fabric's: exit code 3 where they differ, and the remedy on stderr.
    """

    example = "ibstack network defaults --infiniband ibhostnet --fabric-mtu 2048"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._status = 0

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            action="append",
            help=f"as neutron-server is started with, repeatable ({', '.join(_CONFIG)})",
        )
        parser.add_argument(
            "--infiniband",
            metavar="PHYSICAL-NETWORK",
            action="append",
            default=[],
            help="this one is InfiniBand, repeatable",
        )
        fabric = parser.add_mutually_exclusive_group()
        fabric.add_argument(
            "--fabric-mtu", type=int, choices=IB_MTUS_BYTES, help="what the links carry, in bytes"
        )
        fabric.add_argument(
            "--read-fabric",
            action="store_true",
            help="read what the links carry, through a port of this machine (as root)",
        )
        parser.add_argument(
            "--group-mtu",
            type=int,
            choices=IB_MTUS_BYTES,
            default=2048,
            help="mtu= of the partitions in partitions.conf, in bytes (%(default)s: there is none)",
        )
        parser.add_argument(
            "--mode",
            choices=[each.value for each in IpoibMode],
            default=IpoibMode.DATAGRAM.value,
            help="of IPoIB in the guests (%(default)s)",
        )
        return parser

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        files = _read(parsed.config_file or _CONFIG)
        infiniband = (*files.infiniband, *parsed.infiniband)
        fabric = _fabric(parsed)
        mode = IpoibMode(parsed.mode)
        places = landings(files.types)
        real = None if fabric is None else fabric.ipoib_bytes(mode)
        for said in _differences(places, files.mtus, infiniband, fabric, mode):
            self._status = _DIFFERS
            say(said)
        if infiniband and fabric is None:
            say(
                "the fabric's MTU is not known: give --fabric-mtu, or --read-fabric on a machine"
                " with an adapter"
            )
        return COLUMNS, [_row(each, files.mtus, real, infiniband) for each in places]

    def run(self, parsed: Namespace) -> int:
        printed = int(super().run(parsed))
        return printed or self._status


def _row(
    each: Landing, mtus: MtuOptions, real: int | None, infiniband: Sequence[str]
) -> tuple[Any, ...]:
    never = each.outcome is Outcome.NEVER
    return (
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
    places: Sequence[Landing],
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


def _fabric(parsed: Namespace) -> FabricMtu | None:
    link = parsed.fabric_mtu
    if parsed.read_fabric:
        link = _smallest_on_the_fabric()
    return None if link is None else FabricMtu(link, parsed.group_mtu)


def _smallest_on_the_fabric() -> int:
    """Return the smallest MTU of the active ports; CannotReadFabric where there is no port."""
    with open_port() as local:
        fabric = local.discover()
    for problem in fabric.problems:
        say(problem)
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


def _read(paths: Sequence[str]) -> _Files:
    there = [path for path in paths if Path(path).exists()]
    missing = [path for path in paths if path not in there]
    if not there or (missing and paths is not _CONFIG):
        raise BadInput(
            f"cannot read Neutron's settings: there is no {', '.join(missing)}; name its files"
            " with --config-file"
        )
    conf = cfg.ConfigOpts()
    for group, options in _OPTIONS.items():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)
    try:
        conf([], default_config_files=there, default_config_dirs=[])
        return _said_by(conf)
    except (cfg.Error, ValueError) as error:
        raise BadInput(f"cannot read Neutron's settings: {error}") from error


def _said_by(conf: cfg.ConfigOpts) -> _Files:
    ml2 = conf.ml2
    tunnels = {
        "vxlan": conf.ml2_type_vxlan.vni_ranges,
        "geneve": conf.ml2_type_geneve.vni_ranges,
        "gre": conf.ml2_type_gre.tunnel_id_ranges,
    }
    return _Files(
        TypeOptions(
            tenant_types=_tenant_types(ml2),
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


def _tenant_types(ml2: Any) -> tuple[str, ...]:
    older, newer = ml2.tenant_network_types, ml2.project_network_types
    if older is not None and newer is not None and older != newer:
        say(
            "tenant_network_types and project_network_types differ: Neutron 26 reads the former,"
            " and this is what a release that knows both makes of the latter; keep one"
        )
    chosen = older if newer is None else newer
    return TypeOptions().tenant_types if chosen is None else tuple(chosen)

# SPDX-License-Identifier: Apache-2.0
"""`ibstack host facts`: what this host shows of one port, for `ibstack port explain` elsewhere."""

from __future__ import annotations

import json
import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cliff.command import Command

from ibstack.cli.shell import ExampleInHelp
from ibstack.diagnose.broadcast_group import SUBNET_ADMINISTRATION
from ibstack.diagnose.host_facts import Question, to_json
from ibstack.diagnose.local_dhcp import DhcpSource
from ibstack.diagnose.local_facts import LocalSources, read_local
from ibstack.diagnose.local_group import GroupSource
from ibstack.diagnose.local_vf import VfSource
from ibstack.diagnose.mapped_ports import mapped_ports
from ibstack.fabric.errors import BadInput, TryLater
from ibstack.fabric.partition import PartitionKey
from ibstack.host.eswitch_client import DEFAULT_SOCKET
from ibstack.host.netlink import Netlink
from ibstack.mad import open_port
from ibstack.mad.umad import UmadPort

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from ibstack.diagnose.local_fabric import FabricSource
    from ibstack.mad import DatagramPort
    from ibstack.neutron.replies import FabricMembers

_FABRICD_CONF: Final = "/etc/ibstack/fabricd.conf"
_DHCP_CONF: Final = ("/etc/neutron/neutron.conf", "/etc/neutron/dhcp_agent.ini")
_DHCP_STATE: Final = "/var/lib/neutron"
"""What Debian's, Ubuntu's and RDO's packages set beside these files."""


def add_places(parser: ArgumentParser) -> None:
    """Add the options that say where things are on this host; the environment may say it too."""
    env = os.environ
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default=env.get("IBSTACK_ESWITCHD_SOCKET") or DEFAULT_SOCKET,
        help="the socket of ibstack-eswitchd (%(default)s)",
    )
    parser.add_argument(
        "--sysfs",
        metavar="DIR",
        type=Path,
        default=Path(env.get("IBSTACK_SYSFS") or "/sys"),
        help="where sysfs is (%(default)s)",
    )
    parser.add_argument(
        "--state-path",
        metavar="DIR",
        type=Path,
        default=env.get("IBSTACK_DHCP_STATE") or None,
        help=f"state_path of neutron-dhcp-agent (what {' and '.join(_DHCP_CONF)} say)",
    )
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        action="append",
        help=f"the settings of ibstack-fabricd, may be repeated ({_FABRICD_CONF})",
    )


def here(parsed: Namespace) -> LocalSources:
    """Return this host as *parsed* names its places."""
    name = os.environ.get("IBSTACK_HOST") or os.uname().nodename
    named = os.environ.get("IBSTACK_FABRICD_CONF")
    files = parsed.config_file or [named or _FABRICD_CONF]
    host = VfSource(name, parsed.socket, parsed.sysfs, lambda index: Netlink(index).read())
    return LocalSources(
        host=host,
        dhcp=lambda: DhcpSource(name, parsed.state_path or dhcp_state()),
        fabric=lambda: fabric_place(name, files),
        group=GroupSource(
            name, lambda network: mapped_ports(host, network), open_port, administration
        ),
    )


def dhcp_state(files: Sequence[str] = _DHCP_CONF) -> Path:
    """Return state_path as neutron-dhcp-agent reads it; TryLater where that cannot be told."""
    from oslo_config import cfg

    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("state_path", default=_DHCP_STATE))
    there = [path for path in files if not _is_absent(path)]
    try:
        conf([f"--config-file={path}" for path in there], default_config_files=[])
        return Path(conf.state_path)
    except cfg.Error as error:
        raise TryLater(
            f"cannot tell where neutron-dhcp-agent keeps its files: {error}; run this as root, or"
            " give --state-path"
        ) from error


def _is_absent(path: str) -> bool:
    try:
        Path(path).stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # It is read, and that says why it cannot be.
    return False


@contextmanager
def administration(ca: str | None, port: int | None) -> Iterator[DatagramPort]:
    """Open a local port for datagrams to subnet administration; CannotReadFabric: there is none."""
    with closing(UmadPort(ca, port, SUBNET_ADMINISTRATION)) as opened:
        yield opened
        opened.settled()


def fabric_place(host: str, config_files: Sequence[str]) -> FabricSource:
    """Return the ways to the fabric by ibstack-fabricd's own settings; TryLater: it has none."""
    from oslo_config import cfg

    import ibstack.neutron.native_threads  # noqa: F401  Before what imports oslo.messaging.
    from ibstack.diagnose.local_fabric import FabricSource
    from ibstack.neutron.client import PluginClient, open_transport
    from ibstack.subnet_manager import options

    conf = cfg.CONF  # The global one: see ibstack.subnet_manager.daemon.main().
    options.register(conf)
    try:
        conf([f"--config-file={path}" for path in config_files], project="ibstack")
        settings = options.read_settings(conf)
    except cfg.Error as error:
        raise TryLater(
            f"cannot look at the fabric from {host}: {error}; this is done on a host of"
            " ibstack-fabricd, whose settings --config-file names"
        ) from error

    def members() -> FabricMembers:
        transport = open_transport(conf)
        try:
            client = PluginClient(transport, timeout_s=settings.rpc_timeout_s)
            return client.fabric_members(settings.physical_network)
        finally:
            transport.cleanup()

    return FabricSource(
        host=host,
        settings=settings,
        open_reader=lambda: open_port(settings.ca, settings.port, m_key=settings.m_key),
        members=members,
    )


class HostFacts(ExampleInHelp, Command):
    """Print what this host shows of one port, as JSON; `ibstack port explain` asks hosts with it.

    --pci: the VF.  --key: the fabric, on a host of ibstack-fabricd.  --network: DHCP, on a host of
    neutron-dhcp-agent.  A part that cannot be had is null, and `missing` says why.
    """

    example = "ibstack host facts --mac fa:16:3e:00:00:01 --pci 0000:05:00.1"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--mac", default="", help="the MAC of the port")
        parser.add_argument("--pci", metavar="ADDRESS", help="its VF here")
        parser.add_argument("--key", type=PartitionKey.parse, help="its partition key")
        parser.add_argument("--port-id", metavar="ID", help="its id in Neutron")
        parser.add_argument(
            "--guid", action="append", default=[], help="a port whose table to read, repeatable"
        )
        parser.add_argument("--network", metavar="ID", help="its network in Neutron")
        parser.add_argument(
            "--group",
            type=PartitionKey.parse,
            metavar="KEY",
            help="look for the IPoIB broadcast group of that partition",
        )
        parser.add_argument(
            "--physical-network", metavar="NAME", help="whose port here to look for it through"
        )
        parser.add_argument("-f", choices=["json"], default="json", help="(%(default)s)")
        add_places(parser)
        return parser

    def take_action(self, parsed: Namespace) -> None:
        question = Question(
            mac=parsed.mac.lower(),
            pci=parsed.pci,
            key=parsed.key.base if parsed.key else None,
            port_id=parsed.port_id,
            guids=tuple(parsed.guid),
            network=parsed.network,
            group=parsed.group.base if parsed.group else None,
            physical_network=parsed.physical_network,
        )
        if not (question.mac or question.pci):
            raise BadInput("cannot look at this host: give --mac or --pci")
        print(json.dumps(to_json(read_local(here(parsed), question))))

# SPDX-License-Identifier: Apache-2.0
"""Why a port does not work: the facts of this host and of others, and what follows from them."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.settings import read_settings, settings_path
from ibstack.diagnose.broadcast_group import SUBNET_ADMINISTRATION
from ibstack.diagnose.diagnosis import Diagnosis as Diagnosis
from ibstack.diagnose.diagnosis import diagnose
from ibstack.diagnose.gather import gather
from ibstack.diagnose.host_facts import Question
from ibstack.diagnose.local_dhcp import DhcpSource
from ibstack.diagnose.local_facts import LocalSources as LocalSources
from ibstack.diagnose.local_facts import read_local
from ibstack.diagnose.local_group import GroupSource
from ibstack.diagnose.local_vf import VfSource
from ibstack.diagnose.mapped_ports import mapped_ports
from ibstack.diagnose.remote_facts import RemoteHosts, no_facts
from ibstack.fabric.errors import BadInput, BadValue, TryLater
from ibstack.host.adapters.netlink import Netlink
from ibstack.mad import open_port
from ibstack.mad.umad import UmadPort
from ibstack.transport.reach_command import ReachCommand
from ibstack.transport.ssh_settings import SshSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ibstack.diagnose.host_facts import HostFacts
    from ibstack.diagnose.local_fabric import FabricSource
    from ibstack.fabric.partition import PartitionKey
    from ibstack.mad import DatagramPort
    from ibstack.neutron.protocol.replies import FabricMembers
    from ibstack.transport.ssh import SshTransport

DHCP_FILES: Final = ("/etc/neutron/neutron.conf", "/etc/neutron/dhcp_agent.ini")
NO_HOST: Final = "none"
"""In place of what runs a command on a host: ask no other host."""
_DHCP_STATE: Final = "/var/lib/neutron"
"""What Debian's, Ubuntu's and RDO's packages set beside these files."""


def explain(
    port: str,
    host: str | None,
    sources: LocalSources,
    reach: str | None = None,
    config: Path | None = None,
) -> Diagnosis:
    """Walk the whole way of a port.

    *port*: its name, id, MAC, GUID or PCI address.  *host*: tells VFs of one PCI address apart.
    *reach*: what runs a command on `{host}`, or NO_HOST; None: ssh, as [ssh] of *config* says, the
    settings of this machine's clusters (None: the usual file, which may be missing).
    """
    from ibstack.facts.cloud.openstack_api import OpenstackNetworks  # Slow: a second of imports.

    others = RemoteHosts(ReachCommand(reach) if reach else ssh_transport(config))

    def read(questions: Mapping[str, Question]) -> dict[str, HostFacts]:
        own = {name: each for name, each in questions.items() if name in ("", sources.host.name)}
        remote = {name: each for name, each in questions.items() if name not in own}
        if reach == NO_HOST:
            found = {
                name: no_facts(f"{name} was not asked, as --reach {NO_HOST} says")
                for name in remote
            }
        else:
            found = others.read(remote)
        found |= {name: read_local(sources, each) for name, each in own.items()}
        return {name: found[name] for name in questions}

    return diagnose(gather(OpenstackNetworks(), read, port, host))


def ssh_transport(config: Path | None) -> SshTransport:
    """Return the way to hosts by ssh that this machine's clusters use; BadInput for bad settings.

    *config*: their settings; None: the usual file, and ssh as it is where that is not ours to read.
    """
    from ibstack.transport.ssh import SshTransport  # ClusterShell takes its time.

    path = settings_path(config)
    readable = config is not None or os.access(path, os.R_OK)
    ssh = read_settings(path).ssh if readable else None
    return SshTransport(ssh or SshSettings(), lambda: datetime.now(UTC))


def host_facts(
    sources: LocalSources,
    *,
    mac: str,
    pci: str | None,
    key: PartitionKey | None,
    port_id: str | None,
    guids: Sequence[str],
    network: str | None,
    group: PartitionKey | None,
    physical_network: str | None,
) -> HostFacts:
    """Return what this host shows of one port: its VF by *mac* or *pci*, BadInput without both.

    *key* and *guids*: of the fabric, on a host of ibstack-fabricd.  *network*: its id, for DHCP.
    *group*: the partition whose IPoIB broadcast group to look for, by the port that serves
    *physical_network*.
    """
    if not (mac or pci):
        raise BadInput("cannot look at this host: give --mac or --pci")
    question = Question(
        mac=mac.lower(),
        pci=pci,
        key=key.base if key else None,
        port_id=port_id,
        guids=tuple(guids),
        network=network,
        group=group.base if group else None,
        physical_network=physical_network,
    )
    return read_local(sources, question)


def local_sources(
    name: str,
    *,
    socket: str,
    sysfs: Path,
    dhcp_state_path: Path | None,
    fabricd_files: Sequence[str],
) -> LocalSources:
    """Return this host, which is called *name*, as a source of facts.

    *socket*: ibstack-eswitchd's.  *dhcp_state_path*: state_path of neutron-dhcp-agent; None: as its
    files say.
    """
    vfs = VfSource(name, socket, sysfs, lambda index: Netlink(index).read())
    return LocalSources(
        host=vfs,
        dhcp=lambda: DhcpSource(name, dhcp_state_path or dhcp_state()),
        fabric=lambda: fabric_source(name, fabricd_files),
        group=GroupSource(
            name, lambda network: mapped_ports(vfs, network), open_port, administration
        ),
    )


def dhcp_state(files: Sequence[str] = DHCP_FILES) -> Path:
    """Return state_path as neutron-dhcp-agent reads it; TryLater where that cannot be told."""
    from oslo_config import cfg

    from ibstack.neutron.client.settings_files import read_files

    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("state_path", default=_DHCP_STATE))
    there = [path for path in files if not _is_absent(path)]
    try:
        read_files(conf, [f"--config-file={path}" for path in there], default_config_files=[])
        return Path(conf.state_path)
    except (cfg.Error, BadInput) as error:
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


def fabric_source(host: str, config_files: Sequence[str]) -> FabricSource:
    """Return the ways to the fabric by ibstack-fabricd's own settings; TryLater: it has none."""
    from oslo_config import cfg

    import ibstack.neutron.client.native_threads  # noqa: F401  Before what imports oslo.messaging.
    from ibstack.diagnose.local_fabric import FabricSource
    from ibstack.neutron.client.rpc_client import PluginClient, open_transport
    from ibstack.neutron.client.settings_files import read_files
    from ibstack.subnet_manager.fabricd import options

    conf = cfg.CONF  # The global one: see ibstack.subnet_manager.fabricd.daemon.main().
    options.register(conf)
    try:
        read_files(conf, [f"--config-file={path}" for path in config_files], project="ibstack")
        settings = options.read_settings(conf)
    except BadValue:
        raise  # A value is wrong wherever this is done.
    except (cfg.Error, BadInput) as error:
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

# SPDX-License-Identifier: Apache-2.0
"""What can be set for ibstack-fabricd.  Read once, at start, into `FabricdSettings`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from oslo_config import cfg

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PROOF_KEYS, KeyRange
from ibstack.facts.fabric.sa_dump import SA_DUMP
from ibstack.formats.settings import secret_number
from ibstack.neutron.client.daemon_options import (
    RPC_TIMEOUT,
    listed,
    metrics_options,
    register_groups,
)
from ibstack.runtime.metrics import Endpoint
from ibstack.subnet_manager.reconcile.known_hosts import listed_hosts
from ibstack.subnet_manager.settings import FabricdSettings, Settings

_DEFAULT: Final = [
    cfg.StrOpt(
        "host",
        default=os.uname().nodename,
        sample_default="sm1",
        help="The name of this host in Neutron, as `openstack network agent list` shows it.",
    ),
]

_FABRIC: Final = [
    cfg.StrOpt(
        "physical_network",
        help="The physical network of Neutron that this fabric is. Required.",
        sample_default="ibhostnet",
    ),
    cfg.StrOpt(
        "partitions_conf",
        default="/etc/opensm/partitions.conf",
        help="The partitions file that OpenSM reads: its option -P, partition_config_file in "
        "opensm.conf, or what is built in, /etc/rdma/partitions.conf on RHEL. A file that was "
        "there before ibstack is replaced only after `ibstack partition take-over`, one that was "
        "edited since only after `restore`.",
    ),
    cfg.StrOpt(
        "site_partitions",
        help="A file with the site's own partitions, for storage and management say, in the form "
        "of OpenSM's partitions.conf. It is checked strictly and carried over unchanged into what "
        "is published. Its keys must lie outside owned_keys.",
    ),
    cfg.ListOpt(
        "full_default_members",
        default=[],
        help="Port GUIDs that are full members of the default partition: every host with a subnet "
        "manager, and gateways and storage that all must reach. Every other port is a limited "
        "member, and limited members cannot talk to each other.",
    ),
    cfg.StrOpt(
        "owned_keys",
        default=str(DEFAULT_OWNED_KEYS),
        help="The partition keys that ibstack may change, FIRST-LAST. Keys outside it are reported "
        "and never changed. 0x7ff0 and above are reserved.",
    ),
    cfg.StrOpt(
        "opensm_pid_file",
        help="A file with the process id of OpenSM. Without it every OpenSM is found that reads "
        "the partitions file.",
    ),
    cfg.StrOpt(
        "reload_command",
        help="Run to make OpenSM read its partitions again, instead of sending it SIGHUP; without "
        "a shell.",
    ),
    cfg.StrOpt(
        "sa_dump",
        default=str(SA_DUMP),
        help="OpenSM's account of its multicast groups: opensm-sa.dump in its dump_files_dir, "
        "which it writes with sa_db_dump TRUE. Where there is none, drift of groups is not known.",
    ),
    cfg.StrOpt(
        "ca",
        help="The adapter to read the fabric through, as ibstat names it. Without it: the first "
        "one with an active port. The subnet manager may be on another port of this host.",
    ),
    cfg.IntOpt("port", min=1, max=254, help="The port of that adapter to read through."),
    cfg.StrOpt(
        "m_key",
        default="0",
        secret=True,
        help="The fabric's M_Key, where its protection level lets nobody read without it.",
    ),
    cfg.StrOpt(
        "serves_vports",
        default="auto",
        choices=[
            ("auto", "look at OpenSM's program, and warn where it cannot"),
            ("yes", "it can: NVIDIA's OpenSM with virt_enabled, or UFM"),
            ("no", "it cannot: such ports are never reported as in force"),
        ],
        help="Whether this subnet manager serves the virtual ports of ConnectX-4 and later.",
    ),
    cfg.StrOpt(
        "answer_key_file",
        default="",
        sample_default="/etc/ibstack/answer.key",
        help="The same secret as in [infiniband] answer_key_file of every controller; mode 0600. "
        "Answers of Neutron that are not signed with it are not believed. Empty: all are.",
    ),
    cfg.ListOpt(
        "host_guids",
        default=[],
        help="The port GUIDs of hosts, as HOST:GUID entries with the host's name in Neutron. "
        "Nothing else is taken for such a host's own without `ibstack partition accept-host`; a "
        "host that is not listed is believed when it is first seen.",
    ),
    cfg.FloatOpt(
        "max_removed_share",
        default=0.5,
        min=0.0,
        max=1.0,
        help="Keep the members when more than this share of all would go at once, and more than 8 "
        "of them: a database restored from the wrong backup looks just like that. All else is "
        "published. `ibstack partition allow-removals` lets one such publish pass.",
    ),
    cfg.FloatOpt(
        "removal_grace_s",
        default=3.0,
        min=0.0,
        max=600.0,
        help="How many seconds a physical port (ConnectX-3) stays a member after its last VF has "
        "left, so that the host clears the VF first.",
    ),
    cfg.StrOpt(
        "state_path",
        default="/var/lib/ibstack/fabricd",
        help="A folder for what has to survive a restart: the last good copy of the partitions "
        "file, and digests that tell an edit from our own work.",
    ),
    cfg.FloatOpt(
        "poll_interval",
        default=10.0,
        min=0.1,
        max=600.0,
        help="Seconds between two questions to Neutron when nothing asks for one. Changes do not "
        "wait for it: it is what a lost message costs at most.",
    ),
    cfg.FloatOpt(
        "audit_interval",
        default=60.0,
        min=0.5,
        max=86400.0,
        help="Seconds between two looks at the tables of all ports.",
    ),
    cfg.IntOpt(
        "report_interval",
        default=30,
        min=1,
        max=3600,
        help="Seconds between two reports of this agent's state to Neutron. Keep it at half of "
        "agent_down_time of neutron-server or less.",
    ),
    RPC_TIMEOUT,
]

_ORDERS: Final = [
    cfg.BoolOpt(
        "restore",
        default=False,
        help="Tell the running ibstack-fabricd to put the last good copy of the partitions file "
        "back in place of one that was edited or broken, and end. What it replaces is kept.",
    ),
    cfg.BoolOpt(
        "take-over",
        default=False,
        help="Tell it to replace a partitions file that was there before ibstack, and end. What "
        "it replaces is kept.",
    ),
    cfg.BoolOpt(
        "allow-removals",
        default=False,
        help="Tell it to publish once, however many members go, and end.",
    ),
    cfg.MultiStrOpt(
        "accept-host",
        default=[],
        metavar="HOST",
        help="Tell it that the ports which HOST reports now are its own, after an adapter was "
        "replaced or moved, and end. Give it on every host with a subnet manager.",
    ),
    cfg.BoolOpt(
        "repair",
        default=False,
        help="Tell it to look for drift now, and to have the tables that differ written anew "
        "however often that was tried before, and end.",
    ),
]

_GROUPS: Final = (
    ("DEFAULT", _DEFAULT),
    ("fabric", _FABRIC),
    ("metrics", metrics_options(9961, "")),
)
_SERVES: Final = {"auto": None, "yes": True, "no": False}


def list_fabricd_options() -> list[tuple[str, list[cfg.Opt]]]:
    """Return every option by group, for oslo-config-generator."""
    return listed(_GROUPS)


def register(conf: cfg.ConfigOpts, *, orders: bool = False) -> None:
    """Make the options known to *conf*; with *orders*, those of the command line too."""
    register_groups(conf, _GROUPS)
    if orders:
        conf.register_cli_opts(_ORDERS)


def read_settings(conf: cfg.ConfigOpts) -> FabricdSettings:
    """Read what is set in *conf*; BadValue for what no fabricd can run with."""
    fabric = conf.fabric
    if not (fabric.physical_network or "").strip():
        raise BadValue("option physical_network", "", "name the physical network in [fabric]")
    return FabricdSettings(
        host=conf.host.strip(),
        physical_network=fabric.physical_network.strip(),
        partitions_conf=Path(fabric.partitions_conf),
        state_path=Path(fabric.state_path),
        fabric=Settings(
            owned_keys=_owned_keys(fabric.owned_keys),
            full_default=frozenset(map(_full_member, fabric.full_default_members)),
            site_partitions=_path(fabric.site_partitions),
            max_removed_share=fabric.max_removed_share,
            removal_grace_s=fabric.removal_grace_s,
            audit_interval_s=fabric.audit_interval,
            serves_vports=_SERVES[fabric.serves_vports],
            sa_dump=Path(fabric.sa_dump),
            host_guids=listed_hosts(fabric.host_guids),
        ),
        opensm_pid_file=_path(fabric.opensm_pid_file),
        reload_command=_command(fabric.reload_command),
        ca=fabric.ca,
        port=fabric.port,
        m_key=secret_number(fabric.m_key, "m_key", bits=64),
        poll_interval_s=fabric.poll_interval,
        report_interval_s=fabric.report_interval,
        rpc_timeout_s=fabric.rpc_timeout,
        metrics=Endpoint(conf.metrics.address, conf.metrics.port),
        answer_key_file=fabric.answer_key_file.strip(),
    )


def _owned_keys(text: str) -> KeyRange:
    try:
        found = KeyRange.parse(text)
    except BadValue as error:
        raise BadValue("option owned_keys", text, str(error)) from error
    if found.last >= PROOF_KEYS[0]:
        raise BadValue("option owned_keys", text, "0x7ff0 and above are reserved")
    return found


def _full_member(text: str) -> Guid:
    try:
        return Guid.parse(text)
    except BadValue as error:
        raise BadValue("option full_default_members", text, str(error)) from error


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _command(text: str | None) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as error:
        raise BadValue("option reload_command", text or "", str(error)) from error

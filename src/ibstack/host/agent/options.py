# SPDX-License-Identifier: Apache-2.0
"""What can be set for ibstack-agent.  Read once, at start, into `Settings`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oslo_config import cfg

from ibstack.fabric.errors import BadValue
from ibstack.neutron.client.daemon_options import (
    RPC_TIMEOUT,
    listed,
    metrics_options,
    register_groups,
)
from ibstack.runtime.metrics import Endpoint

_DEFAULT: Final = [
    cfg.StrOpt(
        "host",
        default=os.uname().nodename,
        sample_default="node003",
        help="The name of this host in Neutron. It must be what nova-compute calls this host, or "
        "no port of an instance is ever found here.",
    ),
]

_AGENT: Final = [
    cfg.IntOpt(
        "report_interval",
        default=30,
        min=1,
        max=3600,
        help="Seconds between two reports of this agent's state to Neutron. Keep it at half of "
        "agent_down_time of neutron-server or less, or the agent is taken for dead.",
    ),
    cfg.IntOpt(
        "resync_interval",
        default=300,
        min=5,
        max=600,
        help="Seconds between two full comparisons of this host with Neutron when nothing asks for "
        "one, give or take a fifth. Plugs and changes do not wait for it: it is what a lost "
        "message costs at most.",
    ),
    RPC_TIMEOUT,
]

_ESWITCH: Final = [
    cfg.StrOpt(
        "socket",
        default="/run/ibstack/eswitchd.sock",
        help="The socket of ibstack-eswitchd. The user that the agent runs as must be in the group "
        "that owns it.",
    ),
]

_GROUPS: Final = (
    ("DEFAULT", _DEFAULT),
    ("agent", _AGENT),
    ("eswitch", _ESWITCH),
    ("metrics", metrics_options(9962, ", of ibstack-eswitchd too")),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How one agent runs; times in seconds."""

    host: str
    eswitch_socket: Path
    report_interval_s: int
    resync_interval_s: int
    rpc_timeout_s: int
    metrics: Endpoint


def list_agent_options() -> list[tuple[str, list[cfg.Opt]]]:
    """Return every option by group, for oslo-config-generator."""
    return listed(_GROUPS)


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known to *conf*."""
    register_groups(conf, _GROUPS)


def read_settings(conf: cfg.ConfigOpts) -> Settings:
    """Read what is set in *conf*; BadValue for what no agent can run with."""
    if not conf.host.strip():
        raise BadValue("option host", conf.host, "must be the name that nova-compute gives itself")
    return Settings(
        host=conf.host.strip(),
        eswitch_socket=Path(conf.eswitch.socket),
        report_interval_s=conf.agent.report_interval,
        resync_interval_s=conf.agent.resync_interval,
        rpc_timeout_s=conf.agent.rpc_timeout,
        metrics=Endpoint(conf.metrics.address, conf.metrics.port),
    )

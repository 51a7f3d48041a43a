# SPDX-License-Identifier: Apache-2.0
"""What can be set for both daemons that speak to Neutron, and how their options are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from typing import Final, TypeAlias

from oslo_config import cfg
from oslo_log import log as oslo_logging

from ibstack.neutron.client.settings_files import read_files
from ibstack.runtime.daemon import log_printable_lines

Groups: TypeAlias = Sequence[tuple[str, Sequence[cfg.Opt]]]
"""Options by the name of their group."""

RPC_TIMEOUT: Final = cfg.IntOpt(
    "rpc_timeout",
    default=15,
    min=1,
    max=300,
    help="Seconds to wait for an answer of Neutron before asking again.",
)


def metrics_options(port: int, what: str) -> list[cfg.Opt]:
    """Return the options of [metrics]; *what* is read there ends the help of the address."""
    return [
        cfg.StrOpt(
            "address",
            default="127.0.0.1",
            help=f"The address on which Prometheus reads metrics{what}. Anybody who reaches it can "
            "read them; nothing can be changed there.",
        ),
        cfg.PortOpt(
            "port",
            default=port,
            help="The TCP port on which Prometheus reads metrics; 0 serves none.",
        ),
    ]


def register_groups(conf: cfg.ConfigOpts, groups: Groups) -> None:
    """Make the options known to *conf*."""
    for group, options in groups:
        conf.register_opts(options, group=None if group == "DEFAULT" else group)


def listed(groups: Groups) -> list[tuple[str, list[cfg.Opt]]]:
    """Return every option by group, for oslo-config-generator."""
    return [(group, list(options)) for group, options in groups]


def read_command_line(
    binary: str, register: Callable[[cfg.ConfigOpts], None], argv: Iterable[str] | None
) -> cfg.ConfigOpts:
    """Return what the command line (None: the process's own) and the files set.

    BadInput for a file that cannot be read; cfg.Error for a value.
    """
    # The global one: oslo.messaging 18.3 registers oslo_messaging_tracing there and nowhere else,
    # and reads it of whatever configuration it is given.
    conf = cfg.CONF
    oslo_logging.register_options(conf)
    register(conf)
    words = sys.argv[1:] if argv is None else list(argv)
    read_files(conf, words, project="ibstack", prog=binary, version=metadata.version("ibstack"))
    return conf


def begin_logging(conf: cfg.ConfigOpts, binary: str) -> None:
    """Log as *conf* says, each message on a line of its own."""
    log_printable_lines()
    oslo_logging.setup(conf, binary)

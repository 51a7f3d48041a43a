# SPDX-License-Identifier: Apache-2.0
"""`ibstack host …`: the adapters of this host, and who has been given their VFs."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from ibstack.cli.shell import Lister, Table, say, table
from ibstack.views.host_vfs import SOCKET, VfRow, host_vfs

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

COLUMNS: Final = tuple(each.name for each in fields(VfRow))
"""Names are the keys of `-f json`, so they must not change."""


def add_socket(parser: ArgumentParser) -> None:
    """Give *parser* the option that says where ibstack-eswitchd listens."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default=os.environ.get("IBSTACK_ESWITCHD_SOCKET") or SOCKET,
        help="the socket of ibstack-eswitchd (%(default)s)",
    )


class HostShow(Lister):
    """Show the adapters and virtual functions of this host, as ibstack-eswitchd reads them now.

    state: free, pending, programmed, or left: still attached, and Neutron has no port for it; why,
    and what cannot be served, is said on stderr.
    """

    example = "ibstack host show -c pci -c mac -c entry -c state"

    def add_options(self, parser: ArgumentParser) -> None:
        add_socket(parser)

    def take_action(self, parsed: Namespace) -> Table:
        found = host_vfs(parsed.socket)
        for remark in found.remarks:
            say(remark)
        return table(COLUMNS, found.rows)

# SPDX-License-Identifier: Apache-2.0
"""`ibstack host …`: the adapters of this host, and who has been given their VFs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.shell import Lister, say
from ibstack.host.eswitch_client import DEFAULT_SOCKET, EswitchClient
from ibstack.host.observed import AttachmentState

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ibstack.host.observed import ObservedAdapter, ObservedAttachment, ObservedHost, ObservedVf

COLUMNS: Final = (
    "physical_network",
    "interface",
    "device",
    "kind",
    "port_guid",
    "vf",
    "pci",
    "mac",
    "guid",
    "entry",
    "index",
    "link",
    "state",
)
"""Names are the keys of `-f json`, so they must not change."""
_FREE: Final = "free"


class HostShow(Lister):
    """Show the adapters and virtual functions of this host, as ibstack-eswitchd reads them now.

    state: free, pending, programmed, or left: still attached, and Neutron has no port for it; why,
    and what cannot be served, is said on stderr.
    """

    example = "ibstack host show -c pci -c mac -c entry -c state"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--socket",
            metavar="PATH",
            default=os.environ.get("IBSTACK_ESWITCHD_SOCKET") or DEFAULT_SOCKET,
            help="the socket of ibstack-eswitchd (%(default)s)",
        )
        return parser

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        host = EswitchClient(parsed.socket).read()
        for problem in host.problems:
            say(problem)
        for attachment in host.attachments:
            # What was left is one of the problems.
            if attachment.why is not None and attachment.state is not AttachmentState.LEFT:
                say(
                    f"VF {attachment.pci} of {attachment.mac} is {attachment.state.value}:"
                    f" {attachment.why}"
                )
        return COLUMNS, list(rows(host))


def rows(host: ObservedHost) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each VF, for each adapter that has none, and each VF that is not seen."""
    attached = {each.pci: each for each in host.attachments}
    for adapter in host.adapters:
        if not adapter.vfs:
            yield (*_adapter(adapter), *[None] * 8)
        for vf in adapter.vfs:
            yield (*_adapter(adapter), *_vf(vf, attached.pop(vf.pci, None)))
    for lost in attached.values():
        yield (
            *(lost.physical_network, None, None, None, None, None),
            *(str(lost.pci), lost.mac, None, None, None, None, lost.state.value),
        )


def _adapter(adapter: ObservedAdapter) -> tuple[Any, ...]:
    guid = None if adapter.port_guid is None else str(adapter.port_guid)
    return (
        adapter.physical_network,
        adapter.interface,
        adapter.device,
        adapter.kind.value,
        guid,
    )


def _vf(vf: ObservedVf, attachment: ObservedAttachment | None) -> tuple[Any, ...]:
    return (
        vf.number,
        str(vf.pci),
        None if attachment is None else attachment.mac,
        None if vf.guid is None else str(vf.guid),
        None if vf.entry is None else str(vf.entry),
        vf.index,
        None if vf.link is None else vf.link.value,
        _FREE if attachment is None else attachment.state.value,
    )

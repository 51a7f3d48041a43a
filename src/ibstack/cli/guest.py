# SPDX-License-Identifier: Apache-2.0
"""`ibstack guest …`: what a machine that nothing manages must be told of its `ib0`."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cliff.command import Command

from ibstack.cli.shell import ExampleInHelp
from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode
from ibstack.views.guest_config import (
    FORMATS,
    Network,
    Port,
    Settings,
    Words,
    guest_config,
    write_files,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup
    from collections.abc import Iterable, Sequence

    from ibstack.views.guest_config import ConfigFile

_OWN_WORDS: Final = tuple(each.name for each in fields(Words))
"""Options that say what a cloud would say."""


class GuestConfig(ExampleInHelp, Command):
    """Print the configuration of ib0 for a guest, or write it into an image.

    It is made from a port or a network of the cloud that OS_* names, or from --mac, --cidr and
    --dhcp without any cloud.  Several files are printed one after the other, each after its path.
    """

    example = "ibstack guest config --format nm --mac fa:16:3e:0a:bc:de --dhcp --mtu 2044"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", required=True, choices=FORMATS, help="who reads it")
        _add_sources(parser.add_argument_group("from a cloud"))
        _add_words(parser.add_argument_group("without a cloud"))
        _add_settings(parser.add_argument_group("either way"))
        parser.add_argument(
            "--root", metavar="DIR", type=Path, help="write the files below DIR: an image's root"
        )
        parser.add_argument("--force", action="store_true", help="replace files that differ")

    def take_action(self, parsed: Namespace) -> int:
        settings = Settings(**_given(parsed, (each.name for each in fields(Settings))))
        files = guest_config(_source(parsed), settings, parsed.format)
        if parsed.root is None:
            print(_printed(files), end="")
            return 0
        for path in write_files(files, parsed.root, replace=parsed.force):
            print(path)
        return 0


def _add_sources(group: _ArgumentGroup) -> None:
    group.add_argument("--port", metavar="NAME-OR-ID", help="a port: its address, its client-id")
    group.add_argument("--network", metavar="NAME-OR-ID", help="a network: for all its guests")


def _add_words(group: _ArgumentGroup) -> None:
    group.add_argument("--mac", help="the port's MAC address in Neutron")
    group.add_argument("--guid", help="the GUID of the VF, where it is not made of a MAC address")
    group.add_argument("--dhcp", action="store_true", help="IPv4 by DHCP")
    group.add_argument(
        "--cidr", metavar="ADDRESS/PREFIX", action="append", help="a static address, repeatable"
    )
    group.add_argument("--gateway", metavar="ADDRESS", action="append", help="one for each family")
    group.add_argument("--dns", metavar="ADDRESS", action="append", help="a server, repeatable")


def _add_settings(group: _ArgumentGroup) -> None:
    group.add_argument("--interface", metavar="NAME", default="ib0", help="(%(default)s)")
    group.add_argument(
        "--mtu",
        metavar="BYTES",
        type=int,
        dest="mtu_bytes",
        help="2044, 4092, or 65520 if connected",
    )
    group.add_argument("--mode", choices=[each.value for each in IpoibMode])
    group.add_argument(
        "--client-id-form",
        choices=[each.value for each in ClientIdForm],
        help="[infiniband] client_id_form of the cloud's driver (hardware-type)",
    )
    group.add_argument("--client-id", metavar="BYTES", help="DHCP option 61, with colons")
    group.add_argument(
        "--partition-key",
        metavar="KEY",
        help="make a child interface with this key; not needed for the key at index 0, which is"
        " where ibstack puts a network's",
    )


def _source(parsed: Namespace) -> Port | Network | Words:
    own_words = [f"--{name}" for name in _OWN_WORDS if getattr(parsed, name)]
    given = [name for name in ("port", "network") if getattr(parsed, name)]
    if len(given) > 1 or (given and own_words):
        said = ", ".join([f"--{name}" for name in given] + own_words)
        raise BadInput(
            f"cannot tell which interface is meant by {said}: give a --port, or a --network, or"
            " describe the interface"
        )
    if parsed.network:
        return Network(parsed.network)
    return Port(parsed.port) if parsed.port else Words(**_given(parsed, _OWN_WORDS))


def _given(parsed: Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the options that were given, by their names."""
    values = {name: getattr(parsed, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _printed(files: Sequence[ConfigFile]) -> str:
    if len(files) == 1:
        print(f"ibstack: this goes into {files[0].path}", file=sys.stderr)
        return files[0].text
    return "\n".join(f"# {file.path}\n{file.text}" for file in files)

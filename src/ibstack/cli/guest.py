# SPDX-License-Identifier: Apache-2.0
"""`ibstack guest …`: what a machine that nothing manages must be told of its `ib0`."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cliff.command import Command

from ibstack.cli.shell import ExampleInHelp
from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode, client_id
from ibstack.fabric.partition import PartitionKey
from ibstack.guest.formats import Format, render
from ibstack.guest.image_root import write_files
from ibstack.guest.interface import Addressing, GuestInterface, Method
from ibstack.guest.neutron_port import interface_of_network, interface_of_port
from ibstack.guest.neutron_reader import read_network, read_port

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup
    from collections.abc import Callable

    from ibstack.guest.config_file import ConfigFile

_OWN_WORDS: Final = ("mac", "guid", "dhcp", "cidr", "gateway", "dns")
"""Options that say what a cloud would say."""


class GuestConfig(ExampleInHelp, Command):
    """Print the configuration of ib0 for a guest, or write it into an image.

    It is made from a port or a network of the cloud that OS_* names, or from --mac, --cidr and
    --dhcp without any cloud.  Several files are printed one after the other, each after its path.
    """

    example = "ibstack guest config --format nm --mac fa:16:3e:0a:bc:de --dhcp --mtu 2044"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--format", required=True, choices=[each.value for each in Format], help="who reads it"
        )
        _add_sources(parser.add_argument_group("from a cloud"))
        _add_words(parser.add_argument_group("without a cloud"))
        _add_settings(parser.add_argument_group("either way"))
        parser.add_argument(
            "--root", metavar="DIR", type=Path, help="write the files below DIR: an image's root"
        )
        parser.add_argument("--force", action="store_true", help="replace files that differ")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        interface = _with_settings(_interface(parsed), parsed)
        files = render(interface, Format(parsed.format))
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
    group.add_argument("--mtu", metavar="BYTES", type=int, help="2044, 4092, or 65520 if connected")
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


def _interface(parsed: Namespace) -> GuestInterface:
    own_words = [f"--{name}" for name in _OWN_WORDS if getattr(parsed, name)]
    given = [name for name in ("port", "network") if getattr(parsed, name)]
    if len(given) > 1 or (given and own_words):
        said = ", ".join([f"--{name}" for name in given] + own_words)
        raise BadInput(
            f"cannot tell which interface is meant by {said}: give a --port, or a --network, or"
            " describe the interface"
        )
    if not given:
        return _described(parsed)
    from ibstack.facts.cloud.openstack_api import OpenstackNetworks  # Slow to import.

    cloud = OpenstackNetworks(of="")
    if parsed.network:
        return interface_of_network(read_network(cloud, parsed.network))
    return interface_of_port(*read_port(cloud, parsed.port), _form(parsed))


def _described(parsed: Namespace) -> GuestInterface:
    addresses = _all("address", parsed.cidr, _with_prefix)
    gateways = _all("gateway", parsed.gateway, ipaddress.ip_address)
    families = {}
    for version in (4, 6):
        ours = tuple(each for each in addresses if each.version == version)
        gateway = next((each for each in gateways if each.version == version), None)
        families[version] = Addressing(Method.STATIC if ours else Method.OFF, ours, gateway)
    if parsed.dhcp:
        if families[4].method is Method.STATIC:
            raise BadInput("cannot configure the interface: --dhcp and an IPv4 --cidr exclude")
        families[4] = Addressing(Method.AUTOMATIC)
    guid = Guid.from_mac(parsed.mac) if parsed.mac else None
    if parsed.guid:
        guid = Guid.parse(parsed.guid)
    form = _form(parsed)
    return GuestInterface(
        guid=guid,
        ipv4=families[4],
        ipv6=families[6],
        dns=tuple(_all("DNS server", parsed.dns, ipaddress.ip_address)),
        client_id=client_id(guid, form) if guid and form else None,
    )


def _with_settings(interface: GuestInterface, parsed: Namespace) -> GuestInterface:
    if _form(parsed) is ClientIdForm.LEGACY and interface.guid is None and not parsed.client_id:
        raise BadInput(
            "cannot write client-ids of the legacy form for all guests of a network: each has its"
            " GUID in it; give a --port or a --mac"
        )
    changes: dict[str, Any] = {"name": parsed.interface}
    if parsed.mtu is not None:
        changes["mtu_bytes"] = parsed.mtu
    if parsed.mode is not None:
        changes["mode"] = IpoibMode(parsed.mode)
    if parsed.client_id is not None:
        changes["client_id"] = parsed.client_id.lower()
    if parsed.partition_key is not None:
        changes["partition_key"] = PartitionKey.parse(parsed.partition_key)
    return replace(interface, **changes)


def _form(parsed: Namespace) -> ClientIdForm | None:
    return None if parsed.client_id_form is None else ClientIdForm(parsed.client_id_form)


def _with_prefix(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    if "/" not in text:  # Python would make it a network of one host.
        raise ValueError("the length of its prefix is missing, as in 192.168.80.12/24")
    return ipaddress.ip_interface(text)


def _all(kind: str, texts: list[str] | None, read: Callable[[str], Any]) -> list[Any]:
    found = []
    for text in texts or ():
        try:
            found.append(read(text))
        except ValueError as error:
            raise BadValue(kind, text, str(error)) from error
    return found


def _printed(files: tuple[ConfigFile, ...]) -> str:
    if len(files) == 1:
        print(f"ibstack: this goes into {files[0].path}", file=sys.stderr)
        return files[0].text
    return "\n".join(f"# {file.path}\n{file.text}" for file in files)

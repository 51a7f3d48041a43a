# SPDX-License-Identifier: Apache-2.0
"""The configuration of `ib0` in a guest that nothing manages, by a cloud or a person's words."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode, client_id
from ibstack.fabric.partition import PartitionKey
from ibstack.guest.formats import Format, render
from ibstack.guest.image_root import write_files as write_files
from ibstack.guest.interface import Addressing, GuestInterface, Method
from ibstack.guest.neutron_port import interface_of_network, interface_of_port
from ibstack.guest.neutron_reader import read_network, read_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.guest.config_file import ConfigFile as ConfigFile

FORMATS: Final = tuple(each.value for each in Format)


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the cloud: its address, its client-id."""

    name_or_id: str


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the cloud: for all its guests."""

    name_or_id: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a cloud would say, as a person spells it."""

    mac: str = ""
    guid: str = ""
    """Of the VF, where it is not made of the MAC."""
    dhcp: bool = False
    """For IPv4."""
    cidr: Sequence[str] = ()
    gateway: Sequence[str] = ()
    """One for each family."""
    dns: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What no cloud says, as a person spells it; None: as it would be without."""

    interface: str = "ib0"
    mtu_bytes: int | None = None
    mode: str | None = None
    """An IpoibMode's value."""
    client_id_form: str | None = None
    """A ClientIdForm's value: the cloud's driver's."""
    client_id: str | None = None
    partition_key: str | None = None
    """Makes a child interface with this key."""


def guest_config(
    source: Port | Network | Words, settings: Settings, form: str
) -> tuple[ConfigFile, ...]:
    """Return the files of one of FORMATS.

    BadInput for what cannot be meant, or that the format has no word for; what cannot be had of
    the cloud is raised as TryLater.
    """
    told = settings.client_id_form
    interface = _interface(source, None if told is None else ClientIdForm(told))
    return render(_with_settings(interface, settings), Format(form))


def _interface(source: Port | Network | Words, form: ClientIdForm | None) -> GuestInterface:
    if isinstance(source, Words):
        return _described(source, form)
    from ibstack.facts.cloud.openstack_api import OpenstackNetworks  # Slow to import.

    cloud = OpenstackNetworks(of="")
    if isinstance(source, Network):
        return interface_of_network(read_network(cloud, source.name_or_id))
    return interface_of_port(*read_port(cloud, source.name_or_id), form)


def _described(words: Words, form: ClientIdForm | None) -> GuestInterface:
    addresses = _all("address", words.cidr, _with_prefix)
    gateways = _all("gateway", words.gateway, ipaddress.ip_address)
    families = {}
    for version in (4, 6):
        ours = tuple(each for each in addresses if each.version == version)
        gateway = next((each for each in gateways if each.version == version), None)
        families[version] = Addressing(Method.STATIC if ours else Method.OFF, ours, gateway)
    if words.dhcp:
        if families[4].method is Method.STATIC:
            raise BadInput("cannot configure the interface: --dhcp and an IPv4 --cidr exclude")
        families[4] = Addressing(Method.AUTOMATIC)
    guid = Guid.from_mac(words.mac) if words.mac else None
    if words.guid:
        guid = Guid.parse(words.guid)
    return GuestInterface(
        guid=guid,
        ipv4=families[4],
        ipv6=families[6],
        dns=tuple(_all("DNS server", words.dns, ipaddress.ip_address)),
        client_id=client_id(guid, form) if guid and form else None,
    )


def _with_settings(interface: GuestInterface, settings: Settings) -> GuestInterface:
    is_legacy = settings.client_id_form == ClientIdForm.LEGACY.value
    if is_legacy and interface.guid is None and not settings.client_id:
        raise BadInput(
            "cannot write client-ids of the legacy form for all guests of a network: each has its"
            " GUID in it; give a --port or a --mac"
        )
    changes: dict[str, Any] = {"name": settings.interface}
    if settings.mtu_bytes is not None:
        changes["mtu_bytes"] = settings.mtu_bytes
    if settings.mode is not None:
        changes["mode"] = IpoibMode(settings.mode)
    if settings.client_id is not None:
        changes["client_id"] = settings.client_id.lower()
    if settings.partition_key is not None:
        changes["partition_key"] = PartitionKey.parse(settings.partition_key)
    return replace(interface, **changes)


def _with_prefix(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    if "/" not in text:  # Python would make it a network of one host.
        raise ValueError("the length of its prefix is missing, as in 192.168.80.12/24")
    return ipaddress.ip_interface(text)


def _all(kind: str, texts: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except ValueError as error:
            raise BadValue(kind, text, str(error)) from error
    return found

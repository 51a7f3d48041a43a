# SPDX-License-Identifier: Apache-2.0
"""NetworkManager: a keyfile of type infiniband.

Source: nm-settings-keyfile(5), nm-settings(5); libnm 1.42 reads it in
tests/guest/test_tools_that_read_them.py.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import FULL_MEMBER_BIT
from ibstack.guest.config_file import ConfigFile
from ibstack.guest.interface import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.guest.interface import Addressing, GuestInterface

_FOLDER: Final = "/etc/NetworkManager/system-connections"
# NetworkManager takes a file of others' as an attempt to smuggle in secrets, and ignores it.
_MODE: Final = 0o600
_FOR_EVER: Final = 2**31 - 1
"""Seconds: nm-settings(5), ipv4.dhcp-timeout, has this for infinity."""
_NAMESPACE: Final = uuid.UUID("6f0a7c1e-3d0a-5f39-9a55-2f4b1b0f6a11")
_METHODS: Final = {
    4: {Method.OFF: "disabled", Method.AUTOMATIC: "auto", Method.STATIC: "manual"},
    6: {Method.OFF: "link-local", Method.AUTOMATIC: "auto", Method.STATIC: "manual"},
}


def render_keyfile(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return the keyfile; its UUID is made of the interface, so that it stays the same."""
    lines = [
        "[connection]",
        f"id={interface.device}",
        f"uuid={uuid.uuid5(_NAMESPACE, f'{interface.device} {interface.guid}')}",
        "type=infiniband",
        f"interface-name={interface.device}",
        "",
        "[infiniband]",
        *_infiniband(interface),
        "",
        "[ipv4]",
        *_family(4, interface.ipv4, interface),
        "",
        "[ipv6]",
        *_family(6, interface.ipv6, interface),
    ]
    path = f"{_FOLDER}/{interface.device}.nmconnection"
    return (ConfigFile(path, "\n".join(lines) + "\n", _MODE),)


def _infiniband(interface: GuestInterface) -> Iterator[str]:
    yield f"transport-mode={interface.mode.value}"
    if interface.mtu_bytes is not None:
        yield f"mtu={interface.mtu_bytes}"
    if interface.partition_key is not None:
        yield f"p-key={interface.partition_key.base | FULL_MEMBER_BIT}"
        yield f"parent={interface.name}"


def _family_to_wait_for(interface: GuestInterface) -> int:
    """Return the version, 4 or 6, without whose address the guest is not online.

    A link-local IPv6 address alone is "connected" to NetworkManager, 1.5 s after the start and
    before any lease (seen on 1.42.4).
    """
    return 6 if interface.ipv4.method is Method.OFF else 4


def _family(version: int, addressing: Addressing, interface: GuestInterface) -> Iterator[str]:
    yield f"method={_METHODS[version][addressing.method]}"
    if version == _family_to_wait_for(interface):
        yield "may-fail=false"
    if version == 4 and addressing.method is Method.AUTOMATIC:
        yield f"dhcp-client-id={interface.own_client_id or 'mac'}"
        # What may not fail would fail after 45 s without a lease, and be tried four times at most.
        yield f"dhcp-timeout={_FOR_EVER}"
    for number, address in enumerate(addressing.addresses, start=1):
        yield f"address{number}={address}"
    if addressing.gateway is not None:
        yield f"gateway={addressing.gateway}"
    for number, route in enumerate(addressing.routes, start=1):
        yield f"route{number}={route.destination},{route.gateway}"
    servers = [str(server) for server in interface.dns if server.version == version]
    if servers and addressing.method is not Method.OFF:
        yield f"dns={';'.join(servers)};"

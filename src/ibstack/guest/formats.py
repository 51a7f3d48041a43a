# SPDX-License-Identifier: Apache-2.0
"""The formats that there are, by the names that `ibstack guest config --format` takes."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.guest.cloud_init import render_network_config, render_network_data
from ibstack.guest.config_file import NotExpressible
from ibstack.guest.ifcfg import render_ifcfg
from ibstack.guest.netplan import render_netplan
from ibstack.guest.network_manager import render_keyfile
from ibstack.guest.networkd import render_networkd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.guest.config_file import ConfigFile
    from ibstack.guest.interface import GuestInterface


class Format(enum.Enum):
    """Which tool reads the files."""

    NETWORK_MANAGER = "nm"
    NETWORKD = "networkd"
    NETPLAN = "netplan"
    IFCFG = "ifcfg"
    CLOUD_INIT = "cloud-init"
    """network_data.json, as OpenStack has it on a config drive."""
    CLOUD_INIT_V2 = "cloud-init-v2"
    """Network config version 2."""


_RENDERERS: Final[Mapping[Format, Callable[[GuestInterface], tuple[ConfigFile, ...]]]] = {
    Format.NETWORK_MANAGER: render_keyfile,
    Format.NETWORKD: render_networkd,
    Format.NETPLAN: render_netplan,
    Format.IFCFG: render_ifcfg,
    Format.CLOUD_INIT: render_network_data,
    Format.CLOUD_INIT_V2: render_network_config,
}


def render(interface: GuestInterface, wanted: Format) -> tuple[ConfigFile, ...]:
    """Return the files; NotExpressible where the tool cannot be told all of it."""
    try:
        return _RENDERERS[wanted](interface)
    except NotExpressible as error:
        able = tuple(each.value for each in Format if _takes(each, interface))
        raise NotExpressible(error.tool, error.what, error.otherwise, able) from error


def _takes(wanted: Format, interface: GuestInterface) -> bool:
    try:
        _RENDERERS[wanted](interface)
    except BadInput:
        return False
    return True

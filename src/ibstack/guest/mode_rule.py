# SPDX-License-Identifier: Apache-2.0
"""udev: connected mode, for tools that cannot set it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.guest.config_file import ConfigFile
from ibstack.guest.interface import TransportMode

if TYPE_CHECKING:
    from ibstack.guest.interface import GuestInterface


def mode_rule(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return the rule that puts ib0 into connected mode; nothing for datagrams.

    Datagram mode is the kernel's own default.  systemd 252 documents a section [IPoIB] for
    .network files, netplan writes it, and the daemon ignores it: "Unknown section 'IPoIB'"
    (tests/guest/test_tools_that_read_them.py).
    """
    if interface.mode is TransportMode.DATAGRAM:
        return ()
    rule = (
        f'ACTION=="add", SUBSYSTEM=="net", KERNEL=="{interface.name}", ATTR{{type}}=="32",'
        ' ATTR{mode}="connected"\n'
    )
    return (ConfigFile(f"/etc/udev/rules.d/70-{interface.name}-mode.rules", rule),)

# SPDX-License-Identifier: Apache-2.0
"""udev: connected mode, for tools that cannot set it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.ipoib import IpoibMode
from ibstack.guest.config_file import ConfigFile

if TYPE_CHECKING:
    from ibstack.guest.interface import GuestInterface


def mode_rule(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return the rule that puts ib0 into connected mode; nothing for datagrams.

    Datagram mode is the kernel's own default.  systemd 252 documents a section [IPoIB] for
    .network files, netplan writes it, and the daemon ignores it: "Unknown section 'IPoIB'"
    (tests/guest/test_tools_that_read_them.py).

    The interface is meant by the name that it ends with: the one that 80-net-setup-link.rules of
    udev gives it (NAME), else the kernel's own, or one that it is given later (the event `move`).
    """
    if interface.mode is IpoibMode.DATAGRAM:
        return ()
    name = interface.name
    rules = "".join(
        f'{event}, SUBSYSTEM=="net", ATTR{{type}}=="32", ATTR{{mode}}="connected"\n'
        for event in (
            f'ACTION=="add", NAME=="{name}"',
            f'ACTION=="add", NAME=="", KERNEL=="{name}"',
            f'ACTION=="move", KERNEL=="{name}"',
        )
    )
    return (ConfigFile(f"/etc/udev/rules.d/85-{name}-mode.rules", rules),)

# SPDX-License-Identifier: Apache-2.0
"""What makes the virtual functions of mlx5: a rule of udev for each adapter.

mlx4 makes them by an option of its module; mlx5 has none, and makes them when their number is
written to sysfs (kernel Documentation/PCI/pci-iov-howto.rst).  udev writes it whenever the driver
brings the interface: when the host starts, and when the driver is loaded anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.infiniband_host import adapters_of
from ibstack.cluster.config.render.line_file import LineFile
from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host
    from ibstack.cluster.config.render.infiniband_host import Adapter

PATH: Final = "/etc/udev/rules.d/90-ibstack-virtual-functions.rules"
"""After 80-net-setup-link.rules of systemd, from where on NAME is the interface's last name."""
INI_PATHS: Final[tuple[str, ...]] = ()
_INTERFACE: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,14}")
_INFINIBAND: Final = 32
"""ARPHRD_INFINIBAND, as `type` in sysfs."""


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the file, on hosts with adapters of mlx5 that are to have virtual functions.

    BadValue for an interface with letters that mean something to udev.
    """
    lines = LineFile(PATH, needs_reboot=True)
    made = [each for each in adapters_of(host) if not each.is_mlx4 and _count(each)]
    for adapter in made:
        number = adapter.role["virtualfunctions"]
        origins = (adapter.fabric["adapter"].origin, adapter.interface.origin, number.origin)
        lines.put(adapter.interface.text, _rule(adapter), *origins)
    if made:
        yield lines.generated()


def _count(adapter: Adapter) -> int:
    return int(adapter.role["virtualfunctions"].text)


def _rule(adapter: Adapter) -> str:
    interface = adapter.interface
    if not _INTERFACE.fullmatch(interface.text):
        why = f"expected letters, digits, '-', '_' and '.', 15 at most ({interface.origin})"
        raise BadValue("interface", interface.text, why)
    when = (
        f'ACTION=="add", SUBSYSTEM=="net", ATTR{{type}}=="{_INFINIBAND}",'
        f' NAME=="{interface.text}", ATTR{{device/sriov_numvfs}}=="0"'
    )
    # The host's own driver takes none of them: they are for guests, and libvirt binds vfio-pci by
    # driver_override, for which this does not count.  Where some are made already, they stay.
    return (
        f'{when}, ATTR{{device/sriov_drivers_autoprobe}}="0"\n'
        f'{when}, ATTR{{device/sriov_numvfs}}="{_count(adapter)}"\n'
    )

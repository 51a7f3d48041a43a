# SPDX-License-Identifier: Apache-2.0
"""What kernel and drivers are told of adapters: modprobe.d for mlx4, openib.conf of MLNX_OFED,
udev's rules that make the virtual functions of mlx5, and the kernel's command line.

mlx4 makes VFs by an option of its module; mlx5 has none, and makes them when their number is
written to sysfs (kernel Documentation/PCI/pci-iov-howto.rst).  udev writes it whenever the driver
brings the interface: when the host starts, and when the driver is loaded anew.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.infiniband_host import adapters_of, of_mellanox
from ibstack.cluster.config.render.sourced_files import LineFile
from ibstack.cluster.model.host_checks import INTERFACE_NAME
from ibstack.cluster.model.inheritance import DEFAULT, OWN
from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import IpoibMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host
    from ibstack.cluster.config.render.infiniband_host import Adapter

CORE_PATH: Final = "/etc/modprobe.d/mlx4_core.conf"
IB_PATH: Final = "/etc/modprobe.d/mlx4_ib.conf"
OPENIB_PATH: Final = "/etc/infiniband/openib.conf"
UDEV_PATH: Final = "/etc/udev/rules.d/90-ibstack-virtual-functions.rules"
"""After 80-net-setup-link.rules of systemd, from where on NAME is the interface's last name."""
_GRUB_PATH: Final = "/etc/default/grub.d/ibstack.cfg"
_VARIABLE: Final = "GRUB_CMDLINE_LINUX"
_INFINIBAND: Final = 32
"""ARPHRD_INFINIBAND, as `type` in sysfs."""


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the files, on hosts with an adapter; and the command line of GRUB, on nodes with one.

    BadValue for an interface with letters that mean something to udev.
    """
    adapters = adapters_of(host)
    # Options are of the module, so one adapter stands for all that it drives.
    mlx4 = next((each for each in adapters if each.is_mlx4), None)
    if mlx4 is not None:
        yield _core(mlx4).generated()
        yield _ib(mlx4).generated()
    former = of_mellanox(adapters)
    if former:
        yield _openib(former).generated()
    made = [each for each in adapters if not each.is_mlx4 and _count(each)]
    if made:
        yield _rules(made).generated()
    yield from _kernel_parameters(host)


def _core(adapter: Adapter) -> LineFile:
    role = adapter.role
    made, probed, further = role["virtualfunctions"], role["probedfunctions"], role["driveroptions"]
    options = (
        "port_type_array=1,1",  # InfiniBand, both ports.
        f"num_vfs={made.text}",
        f"probe_vf={probed.text}",
        *further.words,
    )
    lines = LineFile(CORE_PATH, needs_reboot=True)
    origins = (adapter.fabric["adapter"].origin, made.origin, probed.origin, further.origin)
    lines.put("mlx4_core", f"options mlx4_core {' '.join(options)}\n", *origins)
    return lines


def _ib(adapter: Adapter) -> LineFile:
    lines = LineFile(IB_PATH, needs_reboot=True)
    # The host gives its VFs their GUIDs, not the subnet manager.
    lines.put("mlx4_ib", "options mlx4_ib sm_guid_assign=0\n", adapter.fabric["adapter"].origin)
    return lines


def _openib(adapters: tuple[Adapter, ...]) -> LineFile:
    fabrics = [each.fabric for each in adapters]
    lines = LineFile(OPENIB_PATH, ("openibd",), whole=False, needs_reboot=True)
    drivers = {f"{each['adapter'].text.upper()}_LOAD": each["adapter"].origin for each in fabrics}
    connected = any(each["mode"].value == IpoibMode.CONNECTED.value for each in fabrics)
    for key, value, *origins in (
        ("ONBOOT", "yes", adapters[0].role.path),
        *((driver, "yes", origin) for driver, origin in drivers.items()),
        ("IPOIB_LOAD", "yes", *(each.path for each in fabrics)),
        # auto: connected, but where the adapter has datagram alone.
        ("SET_IPOIB_CM", "auto" if connected else "no", *(f["mode"].origin for f in fabrics)),
        # Makes the Ethernet interfaces that the Linux bridge agent is given.
        ("E_IPOIB_LOAD", "yes", *(each["stack"].origin for each in fabrics)),
    ):
        lines.put(key, f"{key}={value}\n", *origins)
    return lines


def _rules(adapters: list[Adapter]) -> LineFile:
    lines = LineFile(UDEV_PATH, needs_reboot=True)
    for adapter in adapters:
        number = adapter.role["virtualfunctions"]
        origins = (adapter.fabric["adapter"].origin, adapter.interface.origin, number.origin)
        lines.put(adapter.interface.text, _rule(adapter), *origins)
    return lines


def _count(adapter: Adapter) -> int:
    return int(adapter.role["virtualfunctions"].text)


def _rule(adapter: Adapter) -> str:
    interface = adapter.interface
    if not INTERFACE_NAME.fullmatch(interface.text):
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


def _kernel_parameters(host: Host) -> Iterator[GeneratedFile]:
    """Yield the file of nodes that boot from their own disk by GRUB and have parameters set."""
    if host.is_head:
        return
    found = host.kernel_command_line()
    if found.source == DEFAULT or not found.value:
        return
    owner = host.device.path if found.source == OWN else found.source.replace(":", "/", 1)
    lines = LineFile(_GRUB_PATH, needs_reboot=True)
    text = f"{_VARIABLE}={shlex.quote(str(found.value))}\n"
    lines.put(_VARIABLE, text, f"{owner}: kernel parameters")
    yield lines.generated()

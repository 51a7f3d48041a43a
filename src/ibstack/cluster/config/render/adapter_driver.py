# SPDX-License-Identifier: Apache-2.0
"""What the adapter's driver is loaded with: modprobe.d for mlx4, and openib.conf of MLNX_OFED."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.infiniband_host import adapters_of, of_mellanox
from ibstack.cluster.config.render.line_file import LineFile
from ibstack.fabric.ipoib import IpoibMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host
    from ibstack.cluster.config.render.infiniband_host import Adapter

CORE_PATH: Final = "/etc/modprobe.d/mlx4_core.conf"
IB_PATH: Final = "/etc/modprobe.d/mlx4_ib.conf"
OPENIB_PATH: Final = "/etc/infiniband/openib.conf"
INI_PATHS: Final[tuple[str, ...]] = ()


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the files, on hosts with an adapter."""
    adapters = adapters_of(host)
    # Options are of the module, so one adapter stands for all that it drives.
    mlx4 = next((each for each in adapters if each.is_mlx4), None)
    if mlx4 is not None:
        yield _core(mlx4).generated()
        yield _ib(mlx4).generated()
    former = of_mellanox(adapters)
    if former:
        yield _openib(former).generated()


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

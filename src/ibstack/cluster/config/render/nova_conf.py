# SPDX-License-Identifier: Apache-2.0
"""The part of nova.conf that gives nova-compute the virtual functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.infiniband_host import adapters_of, of_ibstack, of_mellanox
from ibstack.cluster.config.render.ini_file import IniFile
from ibstack.cluster.model.role import OPENSTACK_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host
    from ibstack.cluster.config.render.infiniband_host import Adapter

PATH: Final = "/etc/nova/nova.conf"
INI_PATHS: Final[tuple[str, ...]] = (PATH,)
_FORMER_VIF_DRIVER: Final = "mlnxvif.vif.MlxEthVIFDriver"
# VFs of ConnectX-3 have one id; later cards have one for each generation.
_MLX4_VF: Final = {"vendor_id": "15b3", "product_id": "1004"}


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield a section of the file, on compute hosts with an adapter."""
    adapters = adapters_of(host)
    if not adapters or OPENSTACK_NODE not in host.roles or host.is_head:
        return
    ini = IniFile(PATH, ("nova-compute", "openstack-nova-compute"), whole=False, group="nova")
    ours, former = of_ibstack(adapters), of_mellanox(adapters)
    if ours:
        # One id means all VFs of mlx4, so with several adapters they go by their interfaces.
        by_id = sum(each.is_mlx4 for each in adapters) == 1
        specs = tuple(_device_spec(each, by_id=by_id) for each in ours)
        ini.put_all("pci", "device_spec", specs, *(o for each in ours for o in _origins(each)))
    if former:
        stacks = (each.fabric["stack"].origin for each in former)
        ini.put("libvirt", "vif_driver", _FORMER_VIF_DRIVER, *stacks)
    yield ini.generated(host)


def _origins(adapter: Adapter) -> tuple[str, ...]:
    return adapter.fabric.path, adapter.fabric["adapter"].origin, adapter.interface.origin


def _device_spec(adapter: Adapter, *, by_id: bool) -> str:
    mlx4 = adapter.is_mlx4 and by_id
    which = _MLX4_VF if mlx4 else {"devname": adapter.interface.text}
    return json.dumps({**which, "physical_network": adapter.fabric.name})

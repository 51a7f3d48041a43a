# SPDX-License-Identifier: Apache-2.0
"""ConnectX-3: the host gives its VFs their GUIDs, both ports are InfiniBand, VFs are for guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.host.module_options import FOLDER, options
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_NO_VFS: Final = {"", "0"}


def _look(host: Evidence) -> Iterator[Seen]:
    core, ib = options(host, "mlx4_core"), options(host, "mlx4_ib")
    if isinstance(core, Unread) or isinstance(ib, Unread):
        yield Seen(host.host, None, "it was not collected", f"/{FOLDER}/*.conf")
        return
    vfs, _ = core.get("num_vfs", ("", ""))
    if vfs in _NO_VFS:
        return  # Nothing to give: these options are ConnectX-3's alone.
    said = {key: value for key, (value, _) in (core | ib).items()}
    faults = []
    if said.get("sm_guid_assign") != "0":
        faults.append(f"sm_guid_assign={said.get('sm_guid_assign', '(not set)')}")
    if not said.get("port_type_array", "").startswith("1"):
        faults.append(f"port_type_array={said.get('port_type_array', '(not set)')}")
    if said.get("probe_vf", "0") != "0":
        faults.append(f"probe_vf={said['probe_vf']}")
    yield Seen(host.host, not faults, ", ".join(faults) or "as wanted", f"/{FOLDER}/*.conf")


# Source: drivers/infiniband/hw/mlx4/main.c, drivers/net/ethernet/mellanox/mlx4/main.c.
RULE: Final = Rule(
    "module-options",
    "the options of mlx4 leave GUIDs and VFs to ibstack",
    "sm_guid_assign=0, port_type_array=1,1, no probe_vf",
    "write `options mlx4_ib sm_guid_assign=0` and `options mlx4_core port_type_array=1,1 probe_vf=0"
    " num_vfs=N` into /etc/modprobe.d, and restart the host",
    each_adapter_host(_look),
    rank=3,
)

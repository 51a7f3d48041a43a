# SPDX-License-Identifier: Apache-2.0
"""ConnectX-3: the host gives its VFs their GUIDs, both ports are InfiniBand, VFs are for guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats import mlx4_options
from ibstack.formats.mlx4_options import INFINIBAND, ByAdapter
from ibstack.formats.pci_ids import MLX4
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread
from ibstack.verify.host.module_options import FOLDER, options
from ibstack.verify.host.pci_devices import physical
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.formats.modprobe_options import Option
    from ibstack.verify.evidence import Evidence

_AUTOMATIC: Final = 3
"""The port becomes what it is plugged into."""
_NOT_SET: Final = "(not set)"


def _look(host: Evidence) -> Iterator[Seen]:
    core, ib = options(host, "mlx4_core"), options(host, "mlx4_ib")
    if isinstance(core, Unread) or isinstance(ib, Unread):
        yield Seen(host.host, None, "it was not collected", f"/{FOLDER}/*.conf")
        return
    if not _value(core, "num_vfs"):
        return  # Nothing to give: these options are ConnectX-3's alone.
    values: dict[str, ByAdapter] = {}
    for name in ("num_vfs", "port_type_array", "probe_vf"):
        value = _value(core, name)
        parsed = mlx4_options.parse(value) if value else ByAdapter(())
        if parsed is None:
            place = core[name].file
            why = f"{name}={value} is neither numbers nor ADDRESS-NUMBERS of each adapter"
            yield Seen(host.host, None, why, place)
            return
        values[name] = parsed
    for pci in _adapters(host, values):
        yield from _judged(host, pci, core, ib, values)


def _adapters(host: Evidence, values: Mapping[str, ByAdapter]) -> list[str]:
    """Return the PCI addresses to judge; one that is empty stands for all adapters alike."""
    if all(value.common is not None for value in values.values()):
        return [""]
    there = [each.pci for each in physical(host) if each.driver == MLX4]
    named = {pci for value in values.values() for pci in value.addressed}
    return there or sorted(named)


def _judged(
    host: Evidence,
    pci: str,
    core: Mapping[str, Option],
    ib: Mapping[str, Option],
    values: Mapping[str, ByAdapter],
) -> Iterator[Seen]:
    if not sum(values["num_vfs"].of(pci) or ()):
        return
    place, thing = f"/{FOLDER}/*.conf", f"adapter {pci}" if pci else ""
    faults = []
    if _number(_value(ib, "sm_guid_assign")) != 0:
        faults.append(f"sm_guid_assign={_value(ib, 'sm_guid_assign') or _NOT_SET}")
    types = values["port_type_array"].of(pci) or ()
    said = _value(core, "port_type_array") or _NOT_SET
    if types[:1] != (INFINIBAND,) and not _may_be_infiniband(types):
        faults.append(f"port_type_array={said}")
    if sum(values["probe_vf"].of(pci) or ()):
        faults.append(f"probe_vf={_value(core, 'probe_vf')}")
    if not faults and types[:1] != (INFINIBAND,):
        why = f"port_type_array={said}: which port serves, and what it is, is not seen here"
        yield Seen(host.host, None, why, place, thing)
        return
    yield Seen(host.host, not faults, ", ".join(faults) or "as wanted", place, thing)


def _may_be_infiniband(types: tuple[int, ...]) -> bool:
    return INFINIBAND in types or _AUTOMATIC in types


def _value(options_of_module: Mapping[str, Option], name: str) -> str:
    return options_of_module[name].value if name in options_of_module else ""


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


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

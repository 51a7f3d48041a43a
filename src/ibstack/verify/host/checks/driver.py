# SPDX-License-Identifier: Apache-2.0
"""The adapter's driver: what it is loaded with, and what it complains of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import DMESG, Missing, shown
from ibstack.facts.host.iommu import begins_with_the_kernel
from ibstack.facts.host.module_options import FOLDER, options
from ibstack.facts.host.pci_devices import functions, physical, with_domain
from ibstack.formats import mlx4_options
from ibstack.formats.mlx4_options import INFINIBAND, ByAdapter
from ibstack.formats.pci_ids import ETHERNET, MLX4
from ibstack.verify.check import Observation, rule
from ibstack.verify.selectors import each_adapter_host, on_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.facts.evidence import Evidence
    from ibstack.formats.modprobe_options import Option

_NOT_ENABLED: Final = (
    "see that SR-IOV is on in the adapter's firmware and in the firmware setup of the host"
)
# drivers/infiniband/hw/mlx4/alias_GUID.c, drivers/pci/iov.c, drivers/net/ethernet/mellanox/mlx4,
# and of mlx5 there core/sriov.c: mlx5_sriov_enable(), mlx5_device_enable_sriov().
_COMPLAINTS: Final = {
    "was declined by SM": "give no two ports of the fabric one GUID: compare with `ibstack host"
    " show` of other hosts; OpenSM's log has ERR 5108",
    "not enough MMIO resources for SR-IOV": "switch `Above 4G decoding` and SR-IOV on in the"
    " firmware setup of the host",
    "Failed to enable SR-IOV": _NOT_ENABLED,
    "pci_enable_sriov failed": _NOT_ENABLED,
    "mlx5_device_enable_sriov failed": _NOT_ENABLED,
    "failed to enable eswitch SRIOV": _NOT_ENABLED,
    "failed to enable VF": _NOT_ENABLED,
    "failed to restore VF": "see what the kernel says before it: the VF may have lost its GUIDs",
}
_DRIVER: Final = re.compile(r"\bmlx[45]_\w+")
_ADDRESS: Final = re.compile(r"\b(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")


@rule(
    "driver-log",
    "the driver complains of no VF",
    "no complaint",
    "see what the kernel says before and after it",
)
@each_adapter_host
@on_text(DMESG)
def driver_log(host: Evidence, text: str) -> Iterator[Observation]:
    """What the adapter's driver complains of in the kernel's log, where it concerns VFs."""
    lines = text.splitlines()
    for complaint, remedy in _COMPLAINTS.items():
        ours = [(line, _is_ours(host, line)) for line in lines if complaint in line]
        certain = [line for line, is_ours in ours if is_ours]
        if certain:
            yield Observation(host.host, False, _bare(certain[-1]), shown(DMESG), remedy=remedy)
            return
        open_ones = [line for line, is_ours in ours if is_ours is None]
        if open_ones:
            why = f"{_bare(open_ones[-1])}: whether that is the adapter is not known"
            yield Observation(host.host, None, why, shown(DMESG))
            return
    if not text.strip():
        yield Observation(host.host, None, "the log is empty", shown(DMESG))
        return
    gone = "" if begins_with_the_kernel(text) else " in what is left of the log"
    yield Observation(host.host, True, f"no complaint{gone}", shown(DMESG))


def _is_ours(host: Evidence, line: str) -> bool | None:
    """Tell whether a line is about an adapter that may serve; None: not known."""
    listed = functions(host)
    there = () if isinstance(listed, Missing) else listed[0]
    ours = {each.pci for each in there if each.class_code != ETHERNET}
    others = {each.pci for each in there if each.class_code == ETHERNET}
    named = {with_domain(found[0]) for found in _ADDRESS.finditer(line.lower())}
    if named & ours:
        return True
    if named & others:
        return False
    if _DRIVER.search(line):
        return True
    # Without lspci an address may be the adapter's, where no driver had it yet.
    is_open = bool(named) and not there and re.search(r"\bpci\b", line) is not None
    return None if is_open else False


def _bare(line: str) -> str:
    """Return a line without its time."""
    return line.partition("] ")[2] or line


_AUTOMATIC: Final = 3
"""The port becomes what it is plugged into."""
_NOT_SET: Final = "(not set)"


# Source: drivers/infiniband/hw/mlx4/main.c, drivers/net/ethernet/mellanox/mlx4/main.c.
@rule(
    "module-options",
    "the options of mlx4 leave GUIDs and VFs to ibstack",
    "sm_guid_assign=0, port_type_array=1,1, no probe_vf",
    "write `options mlx4_ib sm_guid_assign=0` and `options mlx4_core port_type_array=1,1 probe_vf=0"
    " num_vfs=N` into /etc/modprobe.d, and restart the host",
    rank=3,
)
@each_adapter_host
def module_options(host: Evidence) -> Iterator[Observation]:
    """ConnectX-3: the host gives VFs their GUIDs, ports are InfiniBand, VFs are for guests."""
    core, ib = options(host, "mlx4_core"), options(host, "mlx4_ib")
    if isinstance(core, Missing) or isinstance(ib, Missing):
        yield Observation(host.host, None, "it was not collected", f"/{FOLDER}/*.conf")
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
            yield Observation(host.host, None, why, place)
            return
        values[name] = parsed
    for pci in _adapters(host, values):
        yield from _options_for(host, pci, core, ib, values)


def _adapters(host: Evidence, values: Mapping[str, ByAdapter]) -> list[str]:
    """Return the PCI addresses to judge; one that is empty stands for all adapters alike."""
    if all(value.common is not None for value in values.values()):
        return [""]
    there = [each.pci for each in physical(host) if each.driver == MLX4]
    named = {pci for value in values.values() for pci in value.addressed}
    return there or sorted(named)


def _options_for(
    host: Evidence,
    pci: str,
    core: Mapping[str, Option],
    ib: Mapping[str, Option],
    values: Mapping[str, ByAdapter],
) -> Iterator[Observation]:
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
        yield Observation(host.host, None, why, place, thing)
        return
    yield Observation(host.host, not faults, ", ".join(faults) or "as wanted", place, thing)


def _may_be_infiniband(types: tuple[int, ...]) -> bool:
    return INFINIBAND in types or _AUTOMATIC in types


def _value(options_of_module: Mapping[str, Option], name: str) -> str:
    return options_of_module[name].value if name in options_of_module else ""


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None

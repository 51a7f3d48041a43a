# SPDX-License-Identifier: Apache-2.0
"""The steps of a port's way that lie on its host.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.diagnose.finding import Facts, Finding, not_known, not_needed, right, waits, wrong
from ibstack.diagnose.neutron_steps import entry_of, guid_of, port_of
from ibstack.fabric.adapter import AdapterKind

if TYPE_CHECKING:
    from ibstack.diagnose.host_facts import VfFacts
    from ibstack.fabric.guid import Guid

_ALL_ONES: Final = (1 << 64) - 1
_UNSET: Final = {0: "zero", _ALL_ONES: "all F"}
_REPLUG: Final = "reboot the server hard (`openstack server reboot --hard`), which plugs it anew"
_MLX4: Final = AdapterKind.MLX4.value
_LEFT: Final = "left"


def daemon_answers(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    source = f"ibstack-eswitchd on {port.host}"
    if facts.vf is not None:
        return right("it answers", source)
    why = facts.why_missing("vf")
    if "cannot ask ibstack-eswitchd" in why:
        return wrong(
            why,
            source,
            f"ibstack-eswitchd on {port.host} does not answer",
            f"run `systemctl status ibstack-eswitchd` on {port.host}",
        )
    return not_known(why, source)


def vf_present(facts: Facts) -> Finding:
    vf, source = facts.vf, _pci_source(facts)
    if vf is None:
        return not_known(facts.why_missing("vf"), source)
    port, network = port_of(facts)
    if not vf.function:
        return wrong(
            "no PCI function is there",
            source,
            f"{port.host} has no PCI function {vf.pci}",
            "make its VFs (sriov_numvfs, or num_vfs of mlx4_core), or mend [pci] device_spec of"
            " nova",
        )
    if not vf.virtual:
        return wrong(
            "it is a physical function",
            source,
            f"{vf.pci} of {port.host} is a physical function, and no VF",
            "take it out of [pci] device_spec of nova and boot the server anew",
        )
    if vf.physical_network != network.physical_network:
        return wrong(
            f"its adapter is mapped to {vf.physical_network or 'no physical network'}",
            f"ibstack-eswitchd on {port.host}",
            f"the adapter of VF {vf.pci} of {port.host} is mapped to"
            f" {vf.physical_network or 'no physical network'}, and not to"
            f" {network.physical_network}",
            f"mend physical_interface_mappings of ibstack-eswitchd on {port.host} and restart it",
        )
    if vf.holder is not None:
        return wrong(
            f"plugged for MAC {vf.holder.mac}",
            f"ibstack-eswitchd on {port.host}",
            f"VF {vf.pci} of {port.host} is still plugged for MAC {vf.holder.mac}",
            f"{vf.holder.why}; then boot this one anew"
            if vf.holder.state == _LEFT
            else f"delete that server, or run `ebrctl del-port {vf.holder.physical_network}"
            f" {vf.holder.mac}` on {port.host}, then boot this one anew",
        )
    return right(f"VF of a {vf.kind} adapter on {vf.physical_network}", source)


def has_its_guid(facts: Facts) -> Finding:
    vf, source = facts.vf, _guid_source(facts)
    if vf is None:
        return not_known(facts.why_missing("vf"), source)
    port, _ = port_of(facts)
    wanted = guid_of(facts)
    if vf.plug is None:
        return wrong(
            f"GUID {_spelt(vf.guid)}, and no plug is on record",
            f"{source}; ibstack-eswitchd on {port.host}",
            f"nobody has plugged the port on {port.host}: VF {vf.pci} has no attachment",
            f"see whether nova-compute runs there and what it says of `ebrctl add-port`; {_REPLUG}",
        )
    if vf.guid is None:
        return not_known("the kernel does not show it", source)
    if vf.guid == wanted.value:
        return _node_guid(vf, wanted, source) or right(f"GUID {wanted}", source)
    if vf.guid in _UNSET:
        return wrong(
            f"GUID is {_UNSET[vf.guid]}",
            source,
            f"the GUID of VF {vf.pci} on {port.host} is {_UNSET[vf.guid]}, and should be {wanted}",
            f"see what else writes GUIDs on {port.host}, then {_REPLUG}",
        )
    return wrong(
        f"GUID {_spelt(vf.guid)}",
        source,
        f"VF {vf.pci} on {port.host} has the GUID of another, {_spelt(vf.guid)}, and should have"
        f" {wanted}",
        f"see what else writes GUIDs on {port.host}, then {_REPLUG}",
    )


def _node_guid(vf: VfFacts, wanted: Guid, source: str) -> Finding | None:
    if vf.node_guid is None or vf.node_guid == wanted.value:
        return None
    return wrong(
        f"port GUID {wanted}, node GUID {_spelt(vf.node_guid)}",
        source,
        f"the node GUID of VF {vf.pci} on {vf.host} is {_spelt(vf.node_guid)}, and should be"
        f" {wanted}",
        f"see what else writes GUIDs on {vf.host}, then {_REPLUG}",
    )


def link_policy(facts: Facts) -> Finding:
    vf = facts.vf
    if vf is None:
        return not_known(facts.why_missing("vf"), _pci_source(facts))
    source = f"ibstack-eswitchd on {vf.host}"
    if vf.kind == _MLX4:
        return not_needed("mlx4 has no link policy for VFs", source)
    if vf.link is None:
        return not_known("the kernel does not show it", source)
    if vf.link != "down":
        return right(f"link {vf.link}", source)
    if vf.plug is not None and _pending(vf):
        return waits(
            "link down, and the plug is pending",
            source,
            f"the link of VF {vf.pci} on {vf.host} is down, and its plug is pending: {vf.plug.why}",
            f"run `systemctl status ibstack-agent` on {vf.host}: it configures the VF",
        )
    return wrong(
        "link down",
        source,
        f"the link policy of VF {vf.pci} on {vf.host} is down",
        f"run `ip link set INTERFACE vf NUMBER state auto` on {vf.host}, or {_REPLUG}",
    )


def plug_seen(facts: Facts) -> Finding:
    vf, source = facts.vf, _plug_source(facts)
    if vf is None:
        return not_known(facts.why_missing("vf"), source)
    port, network = port_of(facts)
    if vf.plug is None:
        raise RuntimeError("the walk should have ended where nothing is plugged")
    place = (vf.plug.pci, vf.plug.physical_network)
    if place != (vf.pci, network.physical_network):
        return wrong(
            f"plugged as VF {place[0]} of {place[1]}",
            source,
            f"the port is plugged on {port.host} as VF {place[0]} of {place[1]}, and bound as"
            f" {vf.pci} of {network.physical_network}",
            _REPLUG,
        )
    if _pending(vf):
        return waits(
            f"pending: {vf.plug.why}",
            source,
            f"the plug of VF {vf.pci} on {vf.host} is pending: {vf.plug.why}",
            f"run `systemctl status ibstack-agent` on {vf.host}: it configures the VF",
        )
    if vf.plug.state == _LEFT:
        return wrong(
            "left",
            source,
            f"the plug of VF {vf.pci} on {vf.host} was left, and not made anew: {vf.plug.why}",
            _REPLUG,
        )
    return right("programmed", source)


def physical_port_active(facts: Facts) -> Finding:
    vf = facts.vf
    if vf is None:
        return not_known(facts.why_missing("vf"), _pci_source(facts))
    source = f"ibstack-eswitchd on {vf.host}"
    if vf.port_state is None:
        return not_known("the kernel does not show it", source)
    if vf.port_state == "active":
        return right("active", source)
    return waits(
        vf.port_state,
        source,
        f"the physical port of VF {vf.pci} on {vf.host} is {vf.port_state}",
        f"see whether its cable is in (`ibstat` on {vf.host}), and a subnet manager runs",
    )


def index_mapped(facts: Facts) -> Finding:
    """mlx4: virtual index 0 leads to the entry itself."""
    vf = facts.vf
    if vf is None:
        return not_known(facts.why_missing("vf"), _pci_source(facts))
    source = f"{vf.host}: …/iov/*/ports/1/pkey_idx/0"
    if vf.kind != _MLX4:
        return not_needed("mlx5 VFs have tables of their own", source)
    wanted = entry_of(facts)
    if vf.index is not None and vf.entry == wanted.to_wire():
        return right(f"index 0 leads to physical index {vf.index}, {wanted}", source)
    where = "nothing"
    if vf.index is not None:
        where = f"physical index {vf.index}, which holds {_entry(vf.entry)}"
    make = waits if vf.index is None and _pending(vf) else wrong
    return make(
        f"index 0 leads to {where}",
        source,
        f"index 0 of VF {vf.pci} on {vf.host} leads to {where}, and not to {wanted}",
        f"run `systemctl restart ibstack-agent` on {vf.host}, which maps it anew",
    )


def alias_accepted(facts: Facts) -> Finding:
    """mlx4: subnet administration has taken the VF's GUID as an alias of the port."""
    vf = facts.vf
    if vf is None:
        return not_known(facts.why_missing("vf"), _pci_source(facts))
    source = f"{vf.host}: …/iov/ports/1/gids"
    if vf.kind != _MLX4:
        return not_needed("mlx5 VFs are ports of their own", source)
    wanted = guid_of(facts)
    if vf.alias is None:
        return not_known("the kernel does not show it", source)
    if vf.alias == wanted.value:
        return right(f"accepted {wanted}", source)
    if vf.alias == 0:
        return _none_accepted(facts, vf, source)
    return wrong(
        f"accepted {_spelt(vf.alias)}",
        source,
        f"the subnet manager has given VF {vf.pci} on {vf.host} the GUID {_spelt(vf.alias)}, and"
        f" not {wanted}",
        "see whether another port of the fabric has that GUID",
    )


def _none_accepted(facts: Facts, vf: VfFacts, source: str) -> Finding:
    """A driver asks when its guest starts, and a GUID that the fabric has already is declined."""
    wanted = guid_of(facts)
    if vf.declined:
        return waits(
            "none accepted, and one declined",
            f"{source}; kernel's log",
            f"the subnet manager declined GUID {wanted} for VF {vf.pci} on {vf.host}, and has"
            " accepted none since",
            "see whether another port of the fabric has that GUID",
        )
    if port_of(facts)[0].status != "ACTIVE":
        return not_needed("no guest's driver has asked for it yet", source)
    log = "cannot be read" if vf.declined is None else "names no decline"
    return not_known(
        f"none accepted: no guest's driver has asked, or it waits; the kernel's log {log}", source
    )


def _pending(vf: VfFacts) -> bool:
    return vf.plug is not None and vf.plug.state == "pending"


def _spelt(guid: int | None) -> str:
    return "not known" if guid is None else _UNSET.get(guid, f"0x{guid:016x}")


def _entry(entry: int | None) -> str:
    return "nothing" if not entry else f"0x{entry:04x}"


def _pci_source(facts: Facts) -> str:
    port, _ = port_of(facts)
    return f"{port.host}: /sys/bus/pci/devices/{port.pci_slot}"


def _guid_source(facts: Facts) -> str:
    if facts.vf is None:
        return f"{port_of(facts)[0].host}: sysfs"
    return f"{facts.vf.host}: {facts.vf.guid_source or 'no adapter has the VF'}"


def _plug_source(facts: Facts) -> str:
    return f"ibstack-eswitchd on {port_of(facts)[0].host}"

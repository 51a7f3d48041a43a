# SPDX-License-Identifier: Apache-2.0
"""Files beside a subnet manager: fabricd.conf, or a static partitions.conf, and opensm.conf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.broker import (
    FABRICD_KEY_PATH,
    Account,
    give_account,
    give_key,
    key_file,
)
from ibstack.cluster.config.render.host import Host, Sourced, key_range, owned_keys
from ibstack.cluster.config.render.infiniband_host import adapters_of
from ibstack.cluster.config.render.sourced_files import IniFile, LineFile
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.role import SUBNET_MANAGER
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.partitions_conf import writing
from ibstack.formats.partitions_conf.statement import Keyword, Listed, MembershipFlag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile

PARTITIONS_PATH: Final = "/etc/opensm/partitions.conf"
OPENSM_PATH: Final = "/etc/opensm/opensm.conf"
FABRICD_PATH: Final = "/etc/ibstack/fabricd.conf"
INI_PATHS: Final[tuple[str, ...]] = (FABRICD_PATH,)
_FABRICD: Final = ("ibstack-fabricd",)

# As docs/reference/fabricd.md advises: a standby takes over soon, large fabrics are quick, and
# fabricd sees which multicast groups there are.
_ADVICE: Final = (
    ("sminfo_polling_timeout", "1000"),
    ("polling_retry_number", "2"),
    ("max_wire_smps", "16"),
    ("sa_db_dump", "TRUE"),
)
_LARGE_MTU: Final = "4092"
_MTU_4096: Final = "mtu=5"
"""As IBTA codes it; what OpenSM takes by itself is 4, which is 2048."""


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the files, on hosts that run a subnet manager of a fabric."""
    fabric = _fabric(host)
    if fabric is None:
        return
    if fabric["partitions"].value == "static":
        yield _partitions(host, fabric).generated()
    else:
        yield _fabricd(host, fabric).generated(host)
        yield from key_file(host, FABRICD_KEY_PATH, "", _FABRICD)
    yield _opensm(fabric).generated()


def _fabric(host: Host) -> Sourced | None:
    """Return the fabric whose subnet manager runs here: by the fabric, else by the role."""
    for fabric in host.fabrics:
        if host.name in fabric["subnetmanagers"].words:
            return fabric
    role = host.roles.get(SUBNET_MANAGER)
    fabrics = host.fabrics_of(role) if role is not None else ()
    return fabrics[0] if len(fabrics) == 1 else None


def _full_members(host: Host, fabric: Sourced) -> tuple[tuple[Guid, ...], tuple[str, ...]]:
    """Return the GUIDs of full members of the default partition, and what says so."""
    named = {
        device: fabric[prop].origin
        for prop in ("fullmembers", "subnetmanagers")
        for device in fabric[prop].words
    }
    # Nothing goes into a file of OpenSM's that is no GUID: it would open the fabric.
    guids = {
        Guid.parse(text): origin
        for device, origin in named.items()
        for text in host.port_guids(device)
    }
    origins = dict.fromkeys(guids.values() or [fabric["subnetmanagers"].origin])
    return tuple(sorted(guids)), tuple(origins)


def _fabricd(host: Host, fabric: Sourced) -> IniFile:
    ini = IniFile(FABRICD_PATH, _FABRICD)
    give_account(ini, host, Account.FABRICD)
    guids, origins = _full_members(host, fabric)
    ini.put("fabric", "physical_network", fabric.name, fabric.path)
    ini.say("fabric", "owned_keys", owned_keys([fabric]))
    ini.put("fabric", "full_default_members", ",".join(map(str, guids)), *origins)
    ini.put("fabric", "partitions_conf", PARTITIONS_PATH, fabric.path)
    give_key(ini, host, "fabric", FABRICD_KEY_PATH)
    if fabric["hostports"].value == "listed":
        ports = ",".join(_host_ports(host, fabric))
        ini.put("fabric", "host_guids", ports, fabric["hostports"].origin)
    return ini


def _host_ports(host: Host, fabric: Sourced) -> Iterator[str]:
    """Yield HOST:GUID of each port by which a host serves the fabric, as far as it is known."""
    for device in host.view.names("device"):
        for adapter in adapters_of(Host(host.site, device)):
            path = EntityPath.of("device", device).inside("interfaces", adapter.interface.text)
            port = host.view.get(path)
            if port is not None and adapter.fabric.name == fabric.name:
                guid = Sourced(port)["guid"].text
                if guid:
                    yield f"{device}:{Guid.parse(guid)}"


def _partitions(host: Host, fabric: Sourced) -> LineFile:
    lines = LineFile(PARTITIONS_PATH, ("opensm",), stays=True)
    keys, mtu, default = key_range(fabric), fabric["mtu"], fabric["defaultmembership"]
    flags = ("ipoib", _MTU_4096) if mtu.value == _LARGE_MTU else ("ipoib",)
    guids, origins = _full_members(host, fabric)
    others = MembershipFlag(default.text)
    text = "".join(writing.default_partition(guids, others=others, flags=flags))
    lines.put("Default", text, default.origin, mtu.origin, *origins)
    everyone = Listed(Keyword.ALL_CAS, MembershipFlag.FULL)
    tenants = (PartitionKey(base) for base in range(keys.first, keys.last + 1))
    text = "".join(writing.partition_of(key, everyone, *flags) for key in tenants)
    lines.put(f"n{keys.first:04x} to n{keys.last:04x}", text, fabric["keyrange"].origin, mtu.origin)
    return lines


def _opensm(fabric: Sourced) -> LineFile:
    lines = LineFile(OPENSM_PATH, ("opensm",), whole=False)
    partitions, adapter = fabric["partitions"], fabric["adapter"]
    if partitions.value == "static" and adapter.value == AdapterKind.MLX4.value:
        # VFs of one adapter share its table, so a port may need a key in both forms.
        origins = (adapter.origin, partitions.origin)
        lines.put("allow_both_pkeys", "allow_both_pkeys TRUE\n", *origins)
    if partitions.value == "fabricd":
        for name, value in _ADVICE:
            lines.put(name, f"{name} {value}\n", partitions.origin)
    return lines

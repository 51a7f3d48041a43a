# SPDX-License-Identifier: Apache-2.0
"""ml2_conf.ini: the drivers, and what networking-mlnx's server side was told.

Source of the keys: networking-mlnx 21.0.0, plugins/ml2/drivers/{mlnx,sdn}/config.py.
"""

from __future__ import annotations

from typing import Final

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange
from ibstack.formats.ini import IniText
from ibstack.upgrade.finding import Finding, Verdict
from ibstack.upgrade.settings import KeyJudgement, Rules, is_true, keeps, listed

_OURS: Final = ("infiniband", "mlnx_infiniband")
_FORMER: Final = "mlnx"
_SDN: Final = "mlnx_sdn_assist"
_OTHER_OF_VFS: Final = "sriovnicswitch"


def _drivers(value: str) -> KeyJudgement:
    drivers = listed(value)
    ours = [name for name in drivers if name in _OURS]
    if _SDN in drivers:
        return KeyJudgement(
            Verdict.DECIDE,
            f"has no driver {_SDN}, and neutron-server does not start without one of that name:"
            " ibstack-fabricd tells OpenSM, and nothing tells UFM or NEO",
            f"remove {_SDN}, and run ibstack-fabricd beside each OpenSM",
        )
    if len(ours) != 1:
        former = f", in place of {_FORMER}" if _FORMER in drivers else ""
        return KeyJudgement(
            Verdict.DECIDE,
            f"has one driver, under the names {' and '.join(_OURS)}",
            f"name infiniband, once{former}",
        )
    if _OTHER_OF_VFS in drivers[: drivers.index(ours[0])]:
        return KeyJudgement(
            Verdict.DECIDE,
            f"binds direct ports, as {_OTHER_OF_VFS} does, and the first one that can wins",
            f"put {ours[0]} before {_OTHER_OF_VFS}",
        )
    return keeps(f"{ours[0]} loads ibstack's driver; it binds as ib_hostdev, as before")


def _client_id(value: str) -> KeyJudgement:
    if is_true(value):
        return KeyJudgement(
            Verdict.CHANGES, "writes the same form by default, 20: and the GUID", "remove it"
        )
    return KeyJudgement(
        Verdict.DECIDE,
        "writes the form 20: and the GUID, and guests that send the other one get no address",
        "set [infiniband] client_id_form = legacy, or mend the images",
    )


_DHCP_PORTS: Final = KeyJudgement(
    Verdict.CHANGES,
    "binds DHCP and router ports by itself, on hosts with an ibstack-agent",
    "remove it, and run ibstack-agent on network nodes",
)

ML2_CONF: Final = Rules(
    keys={
        ("ml2", "mechanism_drivers"): _drivers,
        ("mlnx", "client_id_hardware"): _client_id,
        ("sdn", "bind_normal_ports"): _DHCP_PORTS,
        ("sdn", "bind_normal_ports_physnets"): _DHCP_PORTS,
        ("ml2_type_flat", "flat_networks"): KeyJudgement(
            Verdict.CHANGES,
            "makes every port of an InfiniBand flat network a limited member of the default"
            " partition: two of them do not reach each other",
            "give such networks a key of their own (vlan), unless only full members are talked to",
        ),
    },
    sections={
        "infiniband": keeps("ibstack's driver reads it"),
        "mlnx": KeyJudgement(
            Verdict.CHANGES, "does not read it: there is no such option", "remove it"
        ),
        "eswitch": KeyJudgement(
            Verdict.CHANGES, "does not read it: nor did networking-mlnx 21.0.0 here", "remove it"
        ),
        "sdn": KeyJudgement(
            Verdict.CHANGES, "does not read it: it speaks neither to UFM nor to NEO", "remove it"
        ),
    },
    other=keeps("Neutron reads it, as before"),
)


def owned_keys(content: bytes, source: str) -> KeyRange:
    """Return the keys that ibstack may give to networks; BadValue for a range that is none."""
    found = IniText(content, source).keys().get(("infiniband", "owned_keys"))
    return KeyRange.parse(found[-1]) if found else DEFAULT_OWNED_KEYS


def no_driver(content: bytes, source: str) -> list[Finding]:
    """Say so where the file names no driver at all."""
    keys = IniText(content, source).keys()
    if ("ml2", "mechanism_drivers") in keys:
        return []
    said = _drivers("")
    key = "[ml2] mechanism_drivers"
    return [Finding(source, None, key, "", said.verdict, said.ibstack, said.to_do)]

# SPDX-License-Identifier: Apache-2.0
"""What is right, for each target: fuzzing goes out from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, Partition, PartitionKey
from ibstack.subnet_manager.partitions_conf import PartitionsFile, render

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARTICLE: Final = Path(__file__).parents[1] / "recorded" / "article"
_KEY: Final = PartitionKey(0x101)
_PORT: Final = {
    **{"id": "p1", "network_id": "n1", "mac": "fa:16:3e:aa:bb:cc", "guid": "0xfa163e0000aabbcc"},
    **{"pci": "0000:05:00.1", "physical_network": "ib", "entry": "0x8001", "admin_state_up": True},
    **{"status": "DOWN", "binding": "ACTIVE", "revision": 3},
}
_MEMBER: Final = {
    **{"port_id": "p1", "host": "node002", "guid": "0x0002c90300000031", "key": "0x0001"},
    **{"membership": "full", "shared": True},
}
_ADAPTER: Final = {
    **{"physical_network": "ib", "interface": "ib0", "kind": "mlx4"},
    **{"port_guid": "0x0002c90300000031", "vfs": "0000:05:00.1-0000:05:02.0"},
}
_SITE: Final = b"storage=0x7ff9,ipoib,rate=7: 0x0002c90300000011=full, ALL=limited;\n# note\n"
_PUBLISHED: Final = PartitionsFile(
    PROOF_KEYS[0],
    {_KEY: Partition(_KEY, {Guid(1): Membership.FULL, Guid(2): Membership.LIMITED})},
    frozenset({Guid(3)}),
    site=_SITE.decode(),
    first=frozenset({Guid(1)}),
)

SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "published": (render(_PUBLISHED).encode(),),
    "site": (_SITE, (_ARTICLE / "head_partitions.conf").read_bytes()),
    "ini": tuple(
        (_ARTICLE / name).read_bytes()
        for name in ("image_mlnx_conf.ini", "image_eswitchd.conf", "head_ml2_conf.ini")
    ),
    "eswitchd_conf": (
        (_ARTICLE / "image_eswitchd.conf").read_bytes(),
        b"[eswitch]\nphysical_interface_mappings = ib:ib0,ib:ib1\n"
        b"[eswitchd]\nsocket = /run/x\ngroup = root\nstate_path = /x\nsysfs = /sys\n",
    ),
    "cluster_file": (
        b"format: 1\ndevice:\n  n1:\n    type: PhysicalNode\n",
        b"format: 1\ndevice:\n  n[1-3]: &a {type: PhysicalNode}\n  n4: *a\n",
    ),
    "rpc_reply": (
        json.dumps({"etag": "e", "ports": [_PORT]}).encode(),
        json.dumps(
            {"etag": "e", "members": [_MEMBER], "held": [{"port_id": "p", "why": "so"}]}
        ).encode(),
        json.dumps({"unknown": ["p1"], "down": {"p2": ["DHCP"]}}).encode(),
    ),
    "agent_report": (
        json.dumps({"adapters": [_ADAPTER], "physical_networks": ["ib"], "problems": []}).encode(),
    ),
}

# SPDX-License-Identifier: Apache-2.0
"""What is right, for each target: fuzzing goes out from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, Partition, PartitionKey
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile, render

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
_CLIENT_ID: Final = bytes.fromhex("3d0920fa163e0000123456")
_DISCOVER: Final = (
    bytes.fromhex("4500 0000 0000 0000 4011 0000 00000000 ffffffff 0044 0043 0000 0000")
    + bytes.fromhex("01 20 00 00 12345678").ljust(236, b"\0")
    + bytes.fromhex("63825363 350101")
    + _CLIENT_ID
    + b"\xff"
)
"""IPv4 with UDP to port 67, BOOTP, and options of an InfiniBand guest (RFC 2131, RFC 4390)."""
_MAC, _OTHER_MAC = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"
_REQUESTS: Final[tuple[dict[str, object], ...]] = (
    {"verb": "read"},
    {"verb": "counts"},
    {"verb": "watch", "sequence": 1, "wait_s": 0.5},
    {
        **{"verb": "attach", "physical_network": "ibhostnet", "mac": _OTHER_MAC},
        **{"pci": "0000:05:00.2", "wait_s": 1},
    },
    {
        **{"verb": "adopt", "physical_network": "ibhostnet", "mac": _MAC},
        **{"pci": "0000:05:00.1", "entry": "0x8001"},
    },
    {
        **{"verb": "configure", "pci": "0000:05:00.1", "mac": _MAC},
        **{"entry": "0x8002", "link_up": True},
        **{"instance": "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10"},
    },
    {"verb": "disown", "pci": "0000:05:00.1", "mac": _MAC, "left": False},
    {
        **{"verb": "configure", "pci": "0000:05:00.1", "mac": _MAC},
        **{"entry": None, "link_up": False},
    },
    {"verb": "detach", "physical_network": "ibhostnet", "mac": _MAC},
)
_VF: Final = {
    **{"pci": "0000:05:00.1", "number": 0, "guid": "0xfa163e0000000001", "entry": "0x8001"},
    **{"index": 4, "link": "auto", "smi": False},
}
_HOST: Final = {
    **{"ok": True, "sequence": 1, "problems": ["so"]},
    "adapters": [
        {
            **{"physical_network": "ibhostnet", "interface": "ib0", "device": "mlx4_0", "port": 1},
            **{"kind": "mlx4", "pci": "0000:05:00.0", "port_guid": None, "port_state": "active"},
            "vfs": [_VF],
        }
    ],
    "attachments": [
        {
            **{"physical_network": "ibhostnet", "mac": _MAC, "pci": "0000:05:00.1"},
            **{"state": "pending", "why": "so"},
        }
    ],
}
_ANSWERS: Final[tuple[dict[str, object], ...]] = (
    _HOST,
    {"ok": False, "kind": "refused", "error": "cannot attach: so"},
    {"ok": True, "requests": [{"verb": "read", "result": "done", "count": 3}]},
    {"ok": True, "state": "programmed", "why": None, "detached": True, "sequence": 7},
)


def _lines(each: tuple[dict[str, object], ...]) -> tuple[bytes, ...]:
    return tuple(json.dumps(one).encode() + b"\n" for one in each)


SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "published": (render(_PUBLISHED).encode(),),
    "site": (_SITE, (_ARTICLE / "head_partitions.conf").read_bytes()),
    "persons_partitions": (
        _SITE,
        b"Default=0xffff, ipoib, rate=7:\n mgid=ff12:401b::16 # all\n ALL=full, SELF;\n",
    ),
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
    "dhcp_packet": (_DISCOVER, _DISCOVER.replace(_CLIENT_ID, b"")),
    "eswitchd_request": (*_lines(_REQUESTS), b"".join(_lines(_REQUESTS))),
    "eswitchd_answer": _lines(_ANSWERS),
    # As host_targets.sysfs takes it: each kind of adapter, one attribute, two of them.
    "sysfs": tuple(bytes([kind, *b"\x05\x06", *b"0xffff"]) for kind in range(3))
    + tuple(bytes([kind, *b"\x15\x02", *b"-1", *b"\x28\x00"]) for kind in range(3)),
}

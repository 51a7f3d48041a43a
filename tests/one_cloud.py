# SPDX-License-Identifier: Apache-2.0
"""One cloud for all tests of a run that want a whole one, and a look at what it leaves behind."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError
from ibstack_lab.cloud import Cloud
from ibstack_lab.services import accounts, dhcp_agent
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.services.neutron_client import Resource

_CACHE = Path(__file__).parents[1] / ".cache" / "lab"


@dataclass
class _Shared:
    cloud: Cloud | None = None
    users: int = 0


_shared = _Shared()


@contextmanager
def shared_cloud() -> Iterator[Cloud]:
    """Yield the run's cloud: the first who asks starts it, the last who leaves takes it down."""
    if _shared.cloud is None:
        # Not tmp_path: unix sockets want a short name.
        folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
        _shared.cloud = Cloud(
            folder / "lab", cache=_CACHE, say=lambda line: print(line, file=sys.stderr)
        )
    cloud = _shared.cloud
    _shared.users += 1
    try:
        cloud.up()
        yield cloud
    finally:
        _shared.users -= 1
        if not _shared.users:
            _shared.cloud = None
            _take_down(cloud)


@contextmanager
def nova_cloud() -> Iterator[Cloud]:
    """Yield a cloud of its own, with the real nova."""
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    cloud = Cloud(folder / "lab", cache=_CACHE, say=lambda line: print(line, file=sys.stderr))
    try:
        cloud.up(with_nova=True)
        yield cloud
    finally:
        _take_down(cloud)


def make_network(cloud: Cloud, name: str, key: int, *, has_dhcp: bool = False) -> Resource:
    """Make a network; without DHCP nothing but ibstack's own parts is at work in it."""
    operator = cloud.api(accounts.OPERATOR)
    network = operator.create(
        "networks",
        name=name,
        shared=True,
        **{
            "provider:network_type": "vlan",
            "provider:physical_network": PHYSICAL_NETWORK,
            "provider:segmentation_id": key,
        },
    )
    operator.create(
        "subnets",
        network_id=network["id"],
        ip_version=4,
        cidr=f"10.{key // 256}.{key % 256}.0/24",
        enable_dhcp=has_dhcp,
    )
    return network


def _take_down(cloud: Cloud) -> None:
    folder = cloud.lab.root.parent
    ours = _namespaces(cloud)
    cloud.down()
    left = [*_processes_of(folder), *_mounts_of(folder), *(ours & _named())]
    shutil.rmtree(folder, ignore_errors=True)
    assert not left


def _namespaces(cloud: Cloud) -> set[str]:
    """Return the network namespaces that the cloud has, or had for a network that is there."""
    found = set(cloud.namespaces.all())
    with suppress(IbstackError):
        networks = cloud.api(accounts.OPERATOR).list("networks")
        found |= {dhcp_agent.namespace_of(network["id"]) for network in networks}
    return found


def _named() -> set[str]:
    folder = Path("/run/netns")
    return set(os.listdir(folder)) if folder.exists() else set()


def _processes_of(folder: Path) -> list[str]:
    """Return the command lines and marks of the processes that name *folder*."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and int(process.name) != os.getpid():
                said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                if str(folder).encode() in said:
                    found.append(said.replace(b"\0", b" ").decode(errors="replace"))
    return found


def _mounts_of(folder: Path) -> list[str]:
    lines = Path("/proc/mounts").read_text().splitlines()
    return [line for line in lines if str(folder) in line]

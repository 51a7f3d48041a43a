# SPDX-License-Identifier: Apache-2.0
"""One cloud for all tests of this folder; each test makes and removes its own ports."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ibstack.lab import accounts
from ibstack.lab.cloud import Cloud
from ibstack.lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.lab.network_api import Resource

ROOT = Path(__file__).parents[2]


_AMQP_LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(_AMQP_LEAVES_SOCKETS)
            if item.get_closest_marker("timeout") is None:
                # The first test waits until the cloud is up.
                item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    # Not tmp_path: unix sockets want a short name.
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    cloud = Cloud(
        folder / "lab",
        cache=ROOT / ".cache" / "lab",
        say=lambda line: print(line, file=sys.stderr),
    )
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.down()
        shutil.rmtree(folder, ignore_errors=True)


def _network(cloud: Cloud, name: str, key: int) -> Resource:
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
        "subnets", network_id=network["id"], ip_version=4, cidr=f"10.{key // 256}.{key % 256}.0/24"
    )
    return network


@pytest.fixture(scope="session")
def red(cloud: Cloud) -> Resource:
    return _network(cloud, "red", 0x101)


@pytest.fixture(scope="session")
def blue(cloud: Cloud) -> Resource:
    return _network(cloud, "blue", 0x102)

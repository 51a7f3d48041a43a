# SPDX-License-Identifier: Apache-2.0
"""One cloud for all tests of this folder; each test makes and removes its own ports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from one_cloud import make_network, shared_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

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
    with shared_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def red(cloud: Cloud) -> Resource:
    return make_network(cloud, "red", 0x101)


@pytest.fixture(scope="session")
def blue(cloud: Cloud) -> Resource:
    return make_network(cloud, "blue", 0x102)

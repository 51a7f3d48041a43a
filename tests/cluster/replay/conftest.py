# SPDX-License-Identifier: Apache-2.0
"""The article is replayed once; what it led to is judged by many tests."""

import pytest

from cluster.replay.replayed import Replay, replay


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Nobody may change anything on this cluster."""
    return replay(tmp_path_factory.mktemp("article"))

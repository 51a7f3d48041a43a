# SPDX-License-Identifier: Apache-2.0
"""That nothing is new of a fabric: cheap to say, and never said when something is."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from neutron_walk import HOSTS, STEPS, Walk

_STEPS: Final = 80


def _content(answer: dict[str, Any]) -> str:
    """Return the part of the etag that is made of all that was read."""
    return str(answer["etag"]).rpartition("-")[2]


def _walk(cloud: Any, seed: int) -> Counter[str]:
    """Walk; return how often each step was taken and made something new."""
    walk = Walk(cloud, seed)
    walk.create()
    new: Counter[str] = Counter()
    for number in range(_STEPS):
        before = cloud.wanted_of()
        step = walk.step()

        answer = cloud.wanted_of(etag=before["etag"])

        if _content(cloud.wanted_of()) != _content(before):
            new[step] += 1
            what = f"step {number} of seed {seed}, {step}, is not told"
            assert answer["members"] is not None, what
    return new


def test_a_change_of_whatever_kind_is_told(cloud_on_mariadb: Any) -> None:
    assert len(_walk(cloud_on_mariadb, seed=3)) >= len(STEPS) - 2


def test_nothing_is_read_where_nothing_has_changed(cloud_on_mariadb: Any) -> None:
    cloud = cloud_on_mariadb
    cloud.agent()
    cloud.port(cloud.network(), HOSTS[0], pci="0000:05:00.1")
    etag = cloud.wanted_of()["etag"]

    assert cloud.wanted_of(etag=etag) == {"etag": etag, "members": None, "held": None}

    # Another network's: looked at, and nothing new.
    cloud.network(7)
    answer = cloud.wanted_of(etag=etag)
    assert answer["members"] is None
    assert answer["held"] == []
    assert answer["etag"] != etag
    assert _content(answer) == _content({"etag": etag})


def test_a_database_that_reuses_numbers_is_always_read(cloud: Any) -> None:
    cloud.agent()
    cloud.port(cloud.network(), HOSTS[0], pci="0000:05:00.1")
    etag = cloud.wanted_of()["etag"]

    answer = cloud.wanted_of(etag=etag)
    assert (answer["etag"], answer["members"], answer["held"]) == (etag, None, [])

# SPDX-License-Identifier: Apache-2.0
"""A list of Neutron's API is read to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facts.cut_lists import page
from ibstack.facts.cloud.network_api import every_row

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = [{"id": f"p{number}"} for number in range(7)]
LIMIT = 3


class Neutron:
    """Answers a page of ROWS, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def ask(self, words: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append(dict(words))
        return page("ports", ROWS, LIMIT, words)


def test_every_page_is_followed_with_the_same_filters() -> None:
    neutron = Neutron()

    assert every_row(neutron.ask, "ports", {"name": "vm1"}) == ROWS
    assert neutron.asked == [
        {"name": "vm1"},
        {"name": "vm1", "limit": "3", "marker": "p2"},
        {"name": "vm1", "limit": "3", "marker": "p5"},
    ]


def test_a_list_without_links_is_whole() -> None:
    assert every_row(lambda _: {"ports": ROWS}, "ports", {}) == ROWS


def test_a_link_that_leads_nowhere_ends_the_list() -> None:
    more = [{"rel": "next", "href": "http://x/v2.0/ports?marker=p6"}]

    again = every_row(lambda _: {"ports": ROWS, "ports_links": more}, "ports", {"marker": "p6"})
    assert again == ROWS
    assert every_row(lambda _: {"ports": [], "ports_links": more}, "ports", {}) == []

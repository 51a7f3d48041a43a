# SPDX-License-Identifier: Apache-2.0
"""Neutron's REST API as facts are read from it: whole lists, of all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


Row: TypeAlias = dict[str, Any]
"""A port, a network, an agent …, as the API spells it."""


class NetworkApi(Protocol):
    """The lists that a user may see: through openstacksdk, or the lab's own client."""

    def list(self, kind: str, **filters: str) -> Sequence[Row]:
        """Return all of *kind* (`ports`, `agents`, …); IbstackError where it cannot be asked."""
        ...


def every_row(
    ask: Callable[[Mapping[str, str]], Mapping[str, Any]], kind: str, filters: Mapping[str, str]
) -> list[Row]:
    """Return all rows of *kind*; *ask* returns one answer for the words of a query.

    Neutron cuts a list where pagination_max_limit is set; the next page is named in
    `KIND_links`.  Of that link only the query counts: its host may be one that a proxy hides.
    """
    found: list[Row] = []
    asked = dict(filters)
    while True:
        answer = ask(asked)
        page = answer[kind]
        found += page
        following = _next(answer.get(f"{kind}_links") or ())
        before, asked = asked, {**asked, **dict(parse_qsl(urlsplit(following or "").query))}
        if asked == before or not page:
            return found


def _next(links: Any) -> str | None:
    return next((str(link["href"]) for link in links if link.get("rel") == "next"), None)

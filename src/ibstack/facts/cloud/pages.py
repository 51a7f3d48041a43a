# SPDX-License-Identifier: Apache-2.0
"""A whole list of Neutron's API, which cuts lists where pagination_max_limit is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def every_row(
    ask: Callable[[Mapping[str, str]], Mapping[str, Any]], kind: str, filters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return all rows of *kind*; *ask* returns one answer for the words of a query.

    The next page is named in `KIND_links`.  Of that link only the query counts: its host may be
    one that a proxy hides.
    """
    found: list[dict[str, Any]] = []
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

# SPDX-License-Identifier: Apache-2.0
"""A list that Neutron cuts as pagination_max_limit makes it, and names itself as behind a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def page(
    kind: str, rows: Sequence[Mapping[str, Any]], limit: int, words: Mapping[str, str]
) -> dict[str, Any]:
    """Return the answer of *limit* rows to the *words* of a query; the last has no `next`."""
    ids = [row["id"] for row in rows]
    begin = ids.index(words["marker"]) + 1 if "marker" in words else 0
    shown = list(rows[begin : begin + limit])
    if begin + limit >= len(rows):
        return {kind: shown, f"{kind}_links": [{"rel": "previous", "href": "x"}]}
    href = f"http://10.0.0.1:9696/v2.0/{kind}?limit={limit}&marker={shown[-1]['id']}"
    return {kind: shown, f"{kind}_links": [{"rel": "next", "href": href}]}

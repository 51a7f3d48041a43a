# SPDX-License-Identifier: Apache-2.0
"""The table and the machine's description in a page, between two markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.row import Figure, Row

_BEGIN: Final = "<!-- begin: written by make bench -->"
_END: Final = "<!-- end: written by make bench -->"
_HEAD: Final = (
    "| what | reach | ibstack | worst | networking-mlnx | worst | ratio |",
    "|---|---|---|---|---|---|---|",
)


def table(rows: Sequence[Row]) -> str:
    """Return the table as Markdown: medians and worst; what misses its reach is marked."""
    return "\n".join([*_HEAD, *map(_line, rows)])


def machine_text(machine: Mapping[str, str]) -> str:
    return "\n".join(f"* {name}: {said}" for name, said in machine.items())


def put(page: str, text: str) -> str:
    """Return *page* with *text* between its markers; ValueError where it has none."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"cannot write the table: the page has no lines {_BEGIN!r} and {_END!r}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def _line(row: Row) -> str:
    peer_median, peer_worst = _cells(row.peer, row.unit)
    median, worst = _cells(row.ibstack, row.unit)
    reach = "" if row.limit is None else f"≤ {row.limit:g} {row.unit}"
    if row.missed:
        median = f"**{median}**, missed"
    ratio = "" if row.ratio is None or row.unit == "ports" else f"{row.ratio:.1f}"
    cells = (row.what, reach, median, worst, peer_median, peer_worst, ratio)
    return f"| {' | '.join(cells)} |"


def _cells(figure: Figure | None, unit: str) -> tuple[str, str]:
    if figure is None:
        return "", ""
    if unit == "ports":
        return f"{figure.median:g} of {figure.n}", ""
    worst = "" if figure.worst is None else f"{figure.worst:g} {unit}"
    lost = f", {figure.lost} lost" if figure.lost else ""
    count = "" if figure.n is None else f" (n = {figure.n}{lost})"
    return f"{figure.median:g} {unit}{count}", worst

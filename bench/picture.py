# SPDX-License-Identifier: Apache-2.0
"""Both sides as bars: SVG, the same bytes for the same figures."""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from bench.row import Row

_OURS, _THEIRS, _REACH = "#2a6f97", "#c9ada7", "#333333"
_BAR: Final = 0.38


def draw(rows: Sequence[Row]) -> str:
    """Return a picture of what both sides were asked; ValueError where there is nothing."""
    both = [row for row in rows if row.peer is not None]
    if not both:
        raise ValueError("cannot draw: nothing was measured on both sides")
    panels = [(unit, list(each)) for unit, each in groupby(both, lambda row: row.unit)]
    heights = [len(each) + 0.6 for _, each in panels]
    # Text stays text, and names inside come from the figures alone.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ibstack"}):
        drawing = Drawing(figsize=(9, 0.62 * sum(heights) + 0.6), layout="constrained")
        axes = drawing.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for ax, (unit, shown) in zip(axes, panels, strict=True):
            _panel(ax, unit, shown)
        drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
        svg = io.StringIO()
        drawing.savefig(svg, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in svg.getvalue().splitlines()) + "\n"


def _panel(ax: Axes, unit: str, rows: Sequence[Row]) -> None:
    places = list(range(len(rows)))
    ours = [row.ibstack.median for row in rows]
    theirs = [row.peer.median if row.peer else 0.0 for row in rows]
    bars = (
        ax.barh([n - _BAR / 2 for n in places], ours, _BAR, color=_OURS, label="ibstack"),
        ax.barh(
            [n + _BAR / 2 for n in places], theirs, _BAR, color=_THEIRS, label="networking-mlnx"
        ),
    )
    for drawn in bars:
        ax.bar_label(drawn, fmt="%g", padding=3)
    for place, row in zip(places, rows, strict=True):
        if row.limit:
            ax.vlines(row.limit, place - 0.45, place + 0.45, colors=_REACH, linestyles="dotted")
    ax.set_yticks(places, [row.what.replace("`", "") for row in rows])
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set_xlabel(
        f"{unit} (median; dotted: reach)" if unit != "ports" else "ports (fewer is better)"
    )
    ax.spines[["top", "right"]].set_visible(False)

# SPDX-License-Identifier: Apache-2.0
"""The lines of a comparison: what was measured in pairs, and what the ratios say.  Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.paired.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.paired.rounds import Took

    Pair = tuple[Mapping[str, Took], Mapping[str, Took]]

_LEAST_CPU_S: Final = 0.001
"""Less is no ratio worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was measured on two sides, or the reason why it was not."""

    what: str
    ratio: Spread | None = None
    """Of the clock: how many times the first side's time the second one needs, for each pair."""
    cpu: Spread | None = None
    """The same of CPU time; None where there is next to none."""
    seconds: tuple[float, float] = (0.0, 0.0)
    """The medians of both sides."""
    limit: float | None = None
    why: str = ""
    """Why there is no ratio."""
    failed: bool = False
    """Whether it should have been measured, and could not be."""

    @property
    def missed(self) -> bool:
        return self.limit is not None and self.ratio is not None and self.ratio.median > self.limit

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it; what is not known is null."""
        return {
            "what": self.what,
            "limit": self.limit,
            "missed": self.missed,
            "ratio": _json(self.ratio),
            "cpu_ratio": _json(self.cpu),
            "first_s": self.seconds[0] if self.ratio else None,
            "second_s": self.seconds[1] if self.ratio else None,
            "why": self.why or None,
        }


def lines(pairs: Sequence[Pair], limit: float | None) -> list[Line]:
    """Return a line for whatever both sides told in each of *pairs*, and for what one told alone.

    ValueError where there is no pair.
    """
    if not pairs:
        raise ValueError("cannot compare: no pair was measured")
    first, second = pairs[0]
    return [
        _line(what, [(a[what], b[what]) for a, b in pairs], limit)
        if what in first and what in second
        else Line(what=what, limit=limit, why=_alone(what in second))
        for what in [*first, *(each for each in second if each not in first)]
    ]


def table(found: Iterable[Line], first: str, second: str) -> str:
    """Return the lines as Markdown."""
    head = (
        f"| what | limit | ratio | {first} | {second} | ratio of CPU time | pairs |",
        "|---|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *map(_text, found)])


def _line(what: str, took: Sequence[tuple[Took, Took]], limit: float | None) -> Line:
    used = [(a.cpu_s, b.cpu_s) for a, b in took if min(a.cpu_s, b.cpu_s) > _LEAST_CPU_S]
    return Line(
        what=what,
        ratio=Spread.of([b.seconds / a.seconds for a, b in took]),
        cpu=Spread.of([b / a for a, b in used]) if used else None,
        seconds=(
            statistics.median(a.seconds for a, _ in took),
            statistics.median(b.seconds for _, b in took),
        ),
        limit=limit,
    )


def _text(line: Line) -> str:
    limit = "" if line.limit is None else f"≤ {line.limit:g}"
    if line.ratio is None:
        return f"| {line.what} | {limit} | not measured: {line.why} | | | | |"
    ratio = f"**{line.ratio}**, missed" if line.missed else str(line.ratio)
    first, second = (f"{1000 * each:.0f} ms" for each in line.seconds)
    cpu = "" if line.cpu is None else str(line.cpu)
    return f"| {line.what} | {limit} | {ratio} | {first} | {second} | {cpu} | {line.ratio.n} |"


def _json(spread: Spread | None) -> dict[str, float] | None:
    if spread is None:
        return None
    told = {"median": spread.median, "low": spread.low, "high": spread.high}
    return {name: round(value, 4) for name, value in told.items()} | {"n": spread.n}


def _alone(second: bool) -> str:
    return f"the {'first' if second else 'second'} side has no such measurement"

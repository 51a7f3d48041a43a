# SPDX-License-Identifier: Apache-2.0
"""Measure this tree against another commit, both in turn, and print the ratios.

Example: bench/against 6aa409f plug publish --limit 1.03
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.paired.checkout import checked_out
from bench.paired.comparison import Line, lines, table
from bench.paired.probe import CannotMeasure, Side, in_turn, running
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.paired.probe import Probe

_ROOT: Final = Path(__file__).parents[2]
_PAIRS: Final = {"plug": 30, "explain": 12, "publish": 30, "desired": 30, "shell": 15}
"""How often each part is measured on each side."""
_PROGRAMS: Final = {
    "cloud": ("plug", "explain"),
    "publish": ("publish",),
    "desired": ("desired",),
    "shell": ("shell",),
}
"""The measuring programs, with the parts of each."""
_MISSED: Final = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0, or 3 where a limit that was given is missed, 2 for bad input, 1 for any failure."""
    try:
        options = _options(argv)
        limits = read_limits(options.limit)
        with checked_out(_ROOT, options.commit, options.checkout) as tree:
            sides = [Side(options.commit, tree), Side("this tree", _ROOT)]
            found = list(_measured(sides, options.parts or [*_PAIRS], options.pairs, limits))
    except BadInput as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except IbstackError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps([line.as_json() for line in found], ensure_ascii=False))
    else:
        print(table(found, *(side.name for side in sides)))
    if any(line.failed for line in found):
        return 1
    return _MISSED if any(line.missed for line in found) else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/against",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("commit", help="whatever git knows as a commit")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(_PAIRS)}; without: all"
    )
    parser.add_argument("--pairs", type=_count, help="how often; without: 12 to 30 by the part")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="[PART=]RATIO",
        help="mark what is above, and end with 3; may be repeated",
    )
    parser.add_argument(
        "--checkout", type=Path, metavar="FOLDER", help="keep the other commit there for next time"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    if unknown := [part for part in options.parts if part not in _PAIRS]:
        parser.error(f"cannot measure {' '.join(unknown)!r}: there are {', '.join(_PAIRS)}")
    if options.checkout is not None:
        options.checkout = options.checkout.absolute()
    return options


def read_limits(said: Sequence[str]) -> dict[str, float]:
    """Return the limit of each part that has one, of `RATIO` for all and `PART=RATIO` for one.

    BadInput for another spelling, and for a part that there is not.
    """
    general: dict[str, float] = {}
    special: dict[str, float] = {}
    for text in said:
        part, equals, number = text.rpartition("=")
        try:
            ratio = float(number)
        except ValueError:
            ratio = 0.0
        if ratio <= 0 or (equals and part not in _PAIRS):
            raise BadInput(
                f"cannot use limit {text!r}: expected a ratio above 0, such as 1.05, for all parts,"
                f" or PART=RATIO with one of {', '.join(_PAIRS)}"
            )
        if equals:
            special[part] = ratio
        else:
            general = dict.fromkeys(_PAIRS, ratio)
    return general | special


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _measured(
    sides: Sequence[Side], parts: Sequence[str], pairs: int | None, limits: Mapping[str, float]
) -> Iterator[Line]:
    for program, its in _PROGRAMS.items():
        wanted = [part for part in its if part in parts]
        if wanted:
            yield from _of_program(sides, program, {p: pairs or _PAIRS[p] for p in wanted}, limits)


def _of_program(
    sides: Sequence[Side], program: str, wanted: Mapping[str, int], limits: Mapping[str, float]
) -> Iterator[Line]:
    left = [*wanted]
    try:
        with running([(side, [program]) for side in sides]) as probes:
            for part, count in wanted.items():
                print(f"bench: {part}: {count} pairs", file=sys.stderr)
                yield from _of_part(probes, part, count, limits.get(part))
                left.remove(part)
    except CannotMeasure as error:
        print(f"bench: {error}", file=sys.stderr)
        yield from (Line(what=part, why="it failed: see above", failed=True) for part in left)


def _of_part(probes: Sequence[Probe], part: str, count: int, limit: float | None) -> Iterator[Line]:
    missing = [probe for probe in probes if part not in probe.names]
    if missing:
        why = "; ".join(f"{each.side.name}: {each.missing or 'no such part'}" for each in missing)
        yield Line(what=part, limit=limit, why=why)
    else:
        yield from lines(in_turn(probes, part, count), limit)


__all__ = ["CannotMeasure", "main", "read_limits"]

if __name__ == "__main__":
    sys.exit(main())

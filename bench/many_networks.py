# SPDX-License-Identifier: Apache-2.0
"""What the others notice of a project with 500 networks: `python -m bench.many_networks [PAIRS]`.

Two whole clouds at the same time, one of them with such a project; a port of another tenant is
bound and plugged in each in turn.  Then once more while that project goes on making networks.
Prints one line of JSON: the ratios.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.paired.comparison import Line, lines
from bench.paired.probe import Side, in_turn, running

if TYPE_CHECKING:
    from collections.abc import Iterator

_NETWORKS: Final = 500
_PAIRS: Final = 20
_LIMITS: Final = {"bound, plugged at once → ACTIVE": 1.2}
"""Asked of a port of another tenant, beside the same in a cloud without that project."""


def main(pairs: int = _PAIRS) -> None:
    tree = Path(__file__).parents[1]
    sides = [
        (Side("alone", tree), ("crowd", "0")),
        (Side(f"beside {_NETWORKS} networks", tree), ("crowd", str(_NETWORKS))),
    ]
    with running(sides) as probes:
        found = [
            line
            for part, count in {"others": pairs, "flood": max(pairs // 2, 1)}.items()
            for line in lines(in_turn(probes, part, count), None)
        ]
    rows = [row for line in found for row in _rows(line)]
    print(json.dumps({"rows": rows, "ratios": [line.as_json() for line in found]}))


def _rows(line: Line) -> Iterator[dict[str, Any]]:
    if line.ratio is None:
        raise SystemExit(f"cannot measure {line.what}: {line.why}")
    yield {
        "what": f"{line.what}: beside {_NETWORKS} networks of a project, times alone",
        "unit": "times",
        "limit": _LIMITS.get(line.what),
        "ibstack": {
            "median": round(line.ratio.median, 3),
            "worst": round(line.ratio.high, 3),
            "n": line.ratio.n,
        },
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

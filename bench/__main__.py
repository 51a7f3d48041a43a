# SPDX-License-Identifier: Apache-2.0
"""Run the measurements, print the table; with --write also docs/reference/benchmarks.*"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench import machine, page, picture
from bench.rows import rows

_HERE: Final = Path(__file__).parent
_DOCS: Final = _HERE.parent / "docs" / "reference"
_PARTS: Final = {
    "plug": ("plug.py", "ibstack"),
    "peer": ("plug.py", "networking-mlnx"),
    "mad": ("mad_reads.py",),
}
"""Any other program here is a part under its own name."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    known = _known()
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}; without: all"
    )
    parser.add_argument("--write", action="store_true", help="write the page: all parts, one run")
    options = parser.parse_args()
    wanted = _wanted(options.parts, known)
    if not wanted:
        parser.error(f"cannot measure {' '.join(options.parts)!r}: there are {', '.join(known)}")
    if options.write and options.parts:
        parser.error("cannot write the page from some parts: its figures are of one run")
    results: dict[str, Any] = {}
    for name, argv in wanted.items():
        printed = _run(name, argv)
        if printed is None:
            return 1
        results[name] = printed
    lines = rows(results)
    print(json.dumps(results) if not lines else page.table(lines))
    if options.write:
        _write({"machine": machine.describe(), "parts": results})
    return 0


def _known() -> dict[str, tuple[str, ...]]:
    named = {argv[0] for argv in _PARTS.values()} | {Path(__file__).name}
    others = {
        found.stem: (found.name,)
        for found in sorted(_HERE.glob("*.py"))
        if found.name not in named and '__name__ == "__main__"' in found.read_text("utf-8")
    }
    return _PARTS | others


def _wanted(parts: list[str], known: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the parts of those names; empty where one is unknown.  `scale` stands for scale*."""
    found = {
        name: argv
        for name, argv in known.items()
        if not parts or name in parts or ("scale" in parts and name.startswith("scale"))
    }
    named = {*found, *(["scale"] if any(name.startswith("scale") for name in found) else [])}
    return found if set(parts) <= named else {}


def _run(name: str, argv: tuple[str, ...]) -> Any:
    """Return what a part printed on its last line; None, and say why, where it failed."""
    began = time.monotonic()
    env = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    done = subprocess.run(
        [sys.executable, str(_HERE / argv[0]), *argv[1:]],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    print(f"bench: {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if done.returncode:
        print(f"bench: cannot measure {name}: {argv[0]} failed; see above", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def _write(results: dict[str, Any]) -> None:
    """Write the figures, the table and the picture; the page's other text stays."""
    lines = rows(results["parts"])
    (_DOCS / "benchmarks.json").write_text(
        json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    text = f"{page.machine_text(results['machine'])}\n\n{page.table(lines)}"
    place = _DOCS / "benchmarks.md"
    place.write_text(page.put(place.read_text("utf-8"), text), encoding="utf-8")
    (_DOCS / "benchmarks.svg").write_text(picture.draw(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

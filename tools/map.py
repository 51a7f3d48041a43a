# SPDX-License-Identifier: Apache-2.0
"""Draw the house from its imports into docs/architecture.md: `tools/map.py [--check]`.

A room is a package right below `ibstack`; its line is the first one of its docstring.  The floors
are those of the import contract "Imports point down" in pyproject.toml.  An arrow is drawn where a
room imports another one and no other arrows lead there already.  With --check nothing is written,
and the exit code is 1 where the page shows another house.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "architecture.md"
_CONTRACT: Final = "Imports point down"
_BEGIN: Final = "<!-- drawn by tools/map.py -->"
_END: Final = "<!-- end of the drawing -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing: compare")
    options = parser.parse_args()
    text = PAGE.read_text("utf-8")
    wanted = _put(text, drawing())
    if options.check and wanted != text:
        print("map: docs/architecture.md shows another house: run tools/map.py", file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(wanted, encoding="utf-8")
    return 0


def drawing() -> str:
    """Return the drawing in Mermaid's words, and the table of rooms."""
    floors = _floors()
    imports = _imports({room for floor in floors for room in floor})
    return "\n".join([*_mermaid(floors, _direct(imports)), "", *_table(floors)])


def _floors() -> list[list[str]]:
    """Return the rooms, floor by floor, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["name"] == _CONTRACT)
    return [[room.strip() for room in re.split(r"[|:]", layer)] for layer in layers]


def _imports(rooms: set[str]) -> dict[str, set[str]]:
    """Return for each of *rooms* which others it imports, for type checkers too."""
    graph = grimp.build_graph(*sorted({room.partition(".")[0] for room in rooms}), cache_dir=None)
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        here = _room_of(module, rooms)
        there = {_room_of(each, rooms) for each in graph.find_modules_directly_imported_by(module)}
        if here:
            found[here] |= {room for room in there if room and room != here}
    return found


def _room_of(module: str, rooms: set[str]) -> str | None:
    parts = module.split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((name for name in names if name in rooms), None)


def _direct(imports: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the imports without those that others lead to."""

    def below(room: str) -> set[str]:
        return imports[room].union(*map(below, imports[room]))

    return {
        room: {there for there in targets if not any(there in below(by) for by in targets)}
        for room, targets in imports.items()
    }


def _mermaid(floors: list[list[str]], arrows: Mapping[str, set[str]]) -> Iterator[str]:
    yield from ("```mermaid", "flowchart TD")
    for number, floor in enumerate(floors):
        yield f'  subgraph floor{number}[" "]'
        yield from (f'    {_id(room)}["{_path(room)}"]' for room in floor)
        yield "  end"
    for floor in floors:
        for room in floor:
            yield from (f"  {_id(room)} --> {_id(there)}" for there in sorted(arrows[room]))
    yield "```"


def _table(floors: list[list[str]]) -> Iterator[str]:
    yield from ("| room | what it is | files |", "|---|---|---|")
    for floor in floors:
        for room in floor:
            folder = _folder(room)
            files = len(list(folder.rglob("*.py")))
            yield f"| `{_path(room)}` | {_first_line(folder / '__init__.py')} | {files} |"


def _folder(room: str) -> Path:
    parts = room.split(".")
    return next(f for base in ("src", "lab/src") if (f := ROOT.joinpath(base, *parts)).is_dir())


def _path(room: str) -> str:
    return room.removeprefix("ibstack.").replace(".", "/") + "/"


def _id(room: str) -> str:
    return room.removeprefix("ibstack.").replace(".", "_")


def _first_line(init: Path) -> str:
    says = ast.get_docstring(ast.parse(init.read_text("utf-8"))) or ""
    return says.partition("\n")[0].replace("|", "\\|")


def _put(text: str, drawn: str) -> str:
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{drawn}\n{_END}{after}"


if __name__ == "__main__":
    sys.exit(main())

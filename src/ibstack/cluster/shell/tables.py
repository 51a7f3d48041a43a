# SPDX-License-Identifier: Apache-2.0
"""Tables as the shell prints them, and the same as JSON.  Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.naming import meant
from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.printable import in_json, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIRST_COLUMN, SECOND_COLUMN = 33, 48
"""Of the two columns that `show` prints."""

Cell = str | bool | int | None | tuple[str, ...]
"""What is in a row; None: it is not known."""

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing."""

    name: str
    """As it is called in options, and in JSON where *key* is not given."""
    label: str
    width: int | None = None
    """In characters; None: as wide as what is in it."""
    key: str = ""

    @property
    def json_key(self) -> str:
        return self.key or snake_case(self.label)


def named_columns(*names: str) -> tuple[Column, ...]:
    """Return columns that are labelled as they are called."""
    return tuple(Column(name, name.capitalize()) for name in names)


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows by column name; a row may hold more than the columns show."""

    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    texts: tuple[Mapping[str, str], ...] = ()
    """How cells look in a table, where that is not how they are spelled."""


def snake_case(label: str) -> str:
    """Return a label as a stable key of JSON: "OpenStack VLAN ID" is openstack_vlan_id."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def spelled(cell: Cell) -> str:
    """Return a cell as tables show it."""
    if cell is None:
        return _UNKNOWN
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return ",".join(cell) if isinstance(cell, tuple) else str(cell)


def as_json(answer: object) -> str:
    """Return *answer* as JSON; tuples become lists."""
    return in_json(json.dumps(answer, indent=2, ensure_ascii=False))


def two_columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines of the table of one object's properties."""
    lines = [("Parameter", "Value"), ("-" * FIRST_COLUMN, "-" * SECOND_COLUMN), *rows]
    return [f"{label:{FIRST_COLUMN}} {printable(value)}".rstrip() for label, value in lines]


def lines(listing: Listing) -> list[str]:
    """Return the lines of a table, with its head and a line of dashes."""
    return _aligned(listing.columns, _texts(listing), heading=True)


def delimited(listing: Listing, delimiter: str) -> list[str]:
    """Return the rows with *delimiter* between the columns, and no head."""
    return [delimiter.join(row) for row in _texts(listing)]


def objects(listing: Listing) -> list[dict[str, Cell]]:
    """Return the rows as objects of JSON."""
    keys = [(column.name, column.json_key) for column in listing.columns]
    return [{key: row.get(name) for name, key in keys} for row in listing.rows]


def json_rows(listing: Listing) -> str:
    """Return the rows as JSON."""
    return as_json(objects(listing))


def chosen(columns: Sequence[Column], text: str) -> tuple[Column, ...]:
    """Return the columns that `-f name:width,…` asks for; BadValue for what there is not."""
    known = {name: each for each in columns for name in (each.name, each.json_key)}
    found = []
    for item in text.split(","):
        name, _, width = item.strip().partition(":")
        column = known.get(name.lower())
        if column is None:
            near = meant(name, known) or "; help MODE lists properties"
            raise BadValue("column", name, f"there is no such column{near}")
        if width and (not width.isdecimal() or not 0 < int(width) < 1000):
            raise BadValue("column width", width, "expected 1 to 999")
        found.append(Column(column.name, column.label, int(width) if width else None, column.key))
    return tuple(found)


def json_asked(format_: str) -> bool:
    """Tell whether `-f` names the format and not columns."""
    return format_.lower() in ("json", "{}")


def printed(listing: Listing, format_: str = "", none: str = "") -> list[str]:
    """Return a listing as a command without columns to choose prints it.

    *none*: what is printed for people where there are no rows; empty: the head of the table.
    """
    if none and not listing.rows and not json_asked(format_):
        return [none]
    if json_asked(format_):
        return json_rows(listing).splitlines()
    if format_ not in ("", "table"):
        raise BadInput(f"cannot print as {format_!r}: no such format; use -f table or -f json")
    return lines(listing)


def _texts(listing: Listing) -> list[list[str]]:
    names = [column.name for column in listing.columns]
    if not listing.texts:
        return [[printable(spelled(row.get(name))) for name in names] for row in listing.rows]
    return [
        [printable(text[name] if name in text else spelled(row.get(name))) for name in names]
        for row, text in zip(listing.rows, listing.texts, strict=True)
    ]


def _aligned(columns: Sequence[Column], texts: Sequence[Sequence[str]], heading: bool) -> list[str]:
    widths = [
        column.width or max(len(column.label), *(len(row[place]) for row in texts), 0)
        for place, column in enumerate(columns)
    ]
    rows: list[Sequence[str]] = list(texts)
    if heading:
        rows = [[column.label for column in columns], ["-" * width for width in widths], *rows]
    return [_line(row, widths) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (f"{text[:width]:{width}}" for text, width in zip(row, widths, strict=True))
    return " ".join(cells).rstrip()

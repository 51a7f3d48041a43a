# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/reference/cluster-model.md, as they follow from the catalogue.

`PYTHONPATH=tests python -m cluster.model.reference_page` writes them into the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.value import Blob, Boolean, Choice, Integer, Reference, References

if TYPE_CHECKING:
    from ibstack.cluster.model.kind import Kind, Property

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cluster-model.md"
BEGIN = "<!-- from the catalogue: tests/cluster/model/reference_page.py -->"
HEADER = ("| property | what it takes | default | what it is |", "|---|---|---|---|")


def tables() -> list[str]:
    """Return the page's lines about all kinds."""
    return [line for kind in KINDS.values() for line in _kind(kind)]


def _kind(kind: Kind) -> list[str]:
    where = " and ".join(kind.inside) if kind.inside else "top level"
    types = f"; types {', '.join(f'`{each}`' for each in kind.types)}" if kind.types else ""
    names = f"; names {', '.join(f'`{each}`' for each in kind.names)}" if kind.names else ""
    single = "; one in each, which comes and goes with it" if kind.single else ""
    return [
        "",
        f"### {kind.name}",
        "",
        f"In: {where}{names or types}{single}.",
        "",
        *HEADER,
        *(_row(each, kind) for each in kind.properties),
    ]


def _row(property_: Property, kind: Kind) -> str:
    names = ", ".join(f"`{name}`" for name in (property_.name, *property_.aliases))
    default = f"`{_default(property_)}`" if _default(property_) else ""
    limited = ", ".join(each for each in kind.types if each in property_.types)
    marks = [
        "inherits" if property_.inherits else "",
        "on where any level has it on" if property_.protects else "",
        f"of {limited} only" if limited else "",
    ]
    said = "; ".join(mark for mark in marks if mark)
    help_ = f"{property_.help} *{said}*" if said else property_.help
    return f"| {names} | {_takes(property_)} | {default} | {help_.replace('|', chr(92) + '|')} |"


def _default(property_: Property) -> str:
    if property_.default_by_name:
        return property_.default_by_name.replace("{name}", "NAME")
    return property_.type.show(property_.default)


def _takes(property_: Property) -> str:
    type_ = property_.type
    if property_.fixed:
        return "given when it is made"
    match type_:
        case Boolean():
            return "yes, no"
        case Integer():
            return f"{type_.low} to {type_.high}"
        case Choice():
            return ", ".join(f"`{name}`" for name in type_.names)
        case Reference():
            return f"a {type_.kind}"
        case References():
            return f"{type_.kind}s"
        case Blob():
            return "lines of text"
    return {"Words": "list", "Ipv4": "address", "Mac": "MAC", "PortGuid": "GUID"}.get(
        type(type_).__name__, "text"
    )


def write() -> None:
    """Put the tables into the page, after what a person wrote."""
    text = PAGE.read_text().partition(BEGIN)[0]
    PAGE.write_text("\n".join([f"{text}{BEGIN}", *tables(), ""]))


if __name__ == "__main__":
    write()

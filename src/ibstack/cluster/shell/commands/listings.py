# SPDX-License-Identifier: Apache-2.0
"""Commands that list objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS, top_kinds
from ibstack.cluster.model.index import used_by
from ibstack.cluster.model.inheritance import effective_objects
from ibstack.cluster.model.natural_order import natural_key
from ibstack.cluster.shell import object_table, tables
from ibstack.cluster.shell.command import IN_A_MODE, Call, Command, in_kinds
from ibstack.cluster.shell.commands.properties import FORMAT
from ibstack.cluster.shell.options import Option
from ibstack.cluster.shell.subject import the_one
from ibstack.cluster.shell.tables import Column, Listing, named_columns
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.shell.context import OnHosts
    from ibstack.cluster.shell.options import Given

_MODIFIED: Final = named_columns("state", "type", "name")
_USES: Final = named_columns("type", "name", "parameter")
_MODES: Final = named_columns("mode", "objects", "modified")


def _list(shell: OnHosts, call: Call) -> None:
    if call.arguments:
        raise BadInput(f"cannot list {' '.join(call.arguments)}: it takes options only")
    if not shell.place.levels:
        shell.output.say(*tables.printed(_modes(shell), call.given.get("format")))
        return
    kind = KINDS[shell.place.kind]
    if kind.name == "roles" or (kind.overrides and _device(shell)):
        _list_inherited(shell, kind, call.given)
        return
    place = shell.place
    entities = list(shell.draft.children(place.parent, (kind.name,)))
    _print(shell, kind, entities, call.given)


def _print(shell: OnHosts, kind: Kind, entities: Sequence[Entity], given: Given) -> None:
    format_ = given.get("format") or ("json" if given.get("delimiter") == "{}" else "")
    known = list(object_table.columns_of(kind).values())
    sort = tables.chosen(known, given.get("sort")) if given.has("sort") else ()
    if tables.json_asked(format_):
        columns = object_table.with_sources(kind, object_table.default_columns(kind))
    elif format_:
        columns = tables.chosen(known, format_)
    else:
        columns = object_table.default_columns(kind)
    wanted = tuple({each.name: each for each in (*columns, *sort)}.values())
    found = object_table.listing(shell, entities, wanted)
    found = Listing(columns, *_sorted(found, sort))
    if tables.json_asked(format_):
        shell.output.say(tables.json_rows(found))
    elif given.has("delimiter"):
        shell.output.say(*tables.delimited(found, given.get("delimiter")))
    else:
        shell.output.say(*tables.lines(found))


def _sorted(
    found: Listing, sort: Sequence[Column]
) -> tuple[tuple[dict[str, tables.Cell], ...], tuple[dict[str, str], ...]]:
    pairs = [(dict(row), dict(text)) for row, text in zip(found.rows, found.texts, strict=True)]
    for each in reversed(sort):
        pairs.sort(key=lambda pair: natural_key(tables.spelled(pair[0][each.name])))
    return tuple(row for row, _ in pairs), tuple(text for _, text in pairs)


def _device(shell: OnHosts) -> str:
    parent = shell.place.parent
    return parent.name if parent is not None and parent.kind == "device" else ""


def _list_inherited(shell: OnHosts, kind: Kind, given: Given) -> None:
    """List roles, services and the like with those that the device has from its category."""
    device = _device(shell)
    if device:
        found = object_table.inherited(shell.draft, device, kind)
    else:
        names = shell.draft.names(kind.name, shell.place.parent)
        found = [(name, "", 250) for name in names]
    rows: list[dict[str, tables.Cell]] = []
    texts: list[dict[str, str]] = []
    for name, source, priority in found:
        flags = ([source] if source else []) + ([str(priority)] if given.has("priority") else [])
        rows.append({"name": name, "source": source or None, "priority": priority})
        texts.append({"name": f"[{':'.join(flags)}] {name}" if flags else name})
    key = tables.snake_case(kind.key)
    columns = [Column("name", f"{kind.key.capitalize()} (key)", key=key)]
    if kind.overrides:
        columns += _own_columns(shell, device, kind, rows, texts)
    format_ = "json" if given.get("delimiter") == "{}" else given.get("format")
    if tables.json_asked(format_):
        columns += [Column("source", "Source"), Column("priority", "Priority")]
    shell.output.say(*tables.printed(Listing(tuple(columns), tuple(rows), tuple(texts)), format_))


def _own_columns(
    shell: OnHosts,
    device: str,
    kind: Kind,
    rows: Sequence[dict[str, tables.Cell]],
    texts: Sequence[dict[str, str]],
) -> list[Column]:
    """Fill in what `list` shows of objects of *kind*, and return its columns."""
    columns = list(object_table.default_columns(kind))[1:]
    found = effective_objects(shell.draft, device, kind.name)
    entities = [found[str(row["name"])][0] for row in rows]
    listed = object_table.listing(shell, entities, columns, device=device)
    for row, more in zip(rows, listed.rows, strict=True):
        row.update({column.name: more[column.name] for column in columns})
    for text, shown in zip(texts, listed.texts, strict=True):
        text.update({name: each for name, each in shown.items() if name != "name"})
    return columns


def _modes(shell: OnHosts) -> Listing:
    edited = shell.draft.edited_kinds()
    return Listing(
        _MODES,
        tuple(
            {
                "mode": kind.name,
                "objects": len(shell.draft.names(kind.name)),
                "modified": kind.name in edited,
            }
            for kind in top_kinds()
        ),
    )


def _modified(shell: OnHosts, call: Call) -> None:
    draft = shell.draft
    mode = shell.place.mode
    tops = dict.fromkeys(path.top for path in sorted(draft.edits))
    rows: list[dict[str, tables.Cell]] = []
    for path in tops:
        if not mode or path.kind == mode:
            before, after = draft.base.get(path), draft.get(path)
            state = "~" if after is None else "+" if before is None else ""
            singular = KINDS[path.kind].singular
            rows.append({"state": state, "type": singular, "name": path.name})
    none = f"No modified objects{f' of type {mode}' if mode else ''}"
    found = Listing(_MODIFIED, tuple(rows))
    shell.output.say(*tables.printed(found, call.given.get("format"), none))


def _usedby(shell: OnHosts, call: Call) -> None:
    entity = the_one(shell, call.arguments, "tell who uses")
    rows: list[dict[str, tables.Cell]] = [
        {"type": use.type, "name": use.name, "parameter": use.parameter}
        for use in used_by(shell.draft, entity.path)
    ]
    found = Listing(_USES, tuple(rows))
    none = f"Nothing uses {entity.name}"
    shell.output.say(*tables.printed(found, call.given.get("format"), none))


def _listnodes(shell: OnHosts, call: Call) -> None:
    category = the_one(shell, call.arguments, "list the nodes of").path
    users = (use.path for use in used_by(shell.draft, category) if use.path.kind == "device")
    paths = dict.fromkeys(path for path in users if path.parent is None)
    entities = [entity for path in paths if (entity := shell.draft.get(path)) is not None]
    inside = [each for each in entities if each.values.get("category") == category.name]
    _print(shell, KINDS["device"], inside, call.given)


_LIST_OPTIONS: Final = (
    Option("f", "format", "COLUMNS", "json, or columns as hostname:20,ip"),
    Option("s", "sort", "COLUMNS", "sort by them"),
    Option("d", "delimiter", "TEXT", "put it between columns; {}: json"),
)

COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "list",
        "List the objects of the mode; at the top, the modes.",
        "[-f json|COLUMNS] [-s COLUMNS] [-d TEXT] [-p]",
        "device; list -f hostname:20,category,softwareimage",
        _list,
        aliases=("ls",),
        options=(*_LIST_OPTIONS, Option("p", "priority", "", "of roles: show it")),
    ),
    Command(
        "modified",
        "List what is not committed: + new, ~ to be removed.",
        "[-f json]",
        "modified",
        _modified,
        options=(FORMAT,),
    ),
    Command(
        "usedby",
        "List who refers to an object.",
        "[-f json] [NAME]",
        "softwareimage usedby openstack-image",
        _usedby,
        where=IN_A_MODE,
        of_object=True,
        options=(FORMAT,),
    ),
    Command(
        "listnodes",
        "List the nodes of a category.",
        "[-f json|COLUMNS] [-s COLUMNS] [-d TEXT] [NAME]",
        "category listnodes default",
        _listnodes,
        where=in_kinds("category"),
        options=_LIST_OPTIONS,
    ),
)

# SPDX-License-Identifier: Apache-2.0
"""Config file modifications that would do nothing: no host of the role has that file or key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.config.render import ini_paths, unmodified_files
from ibstack.cluster.model.modifications import Modification, Operation, parse
from ibstack.fabric.errors import BadInput, BadValue
from ibstack.formats.ini import IniText, normal_section
from ibstack.formats.secrets import MARK, is_hidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import PurePosixPath

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.model.state import View


Keys = set[tuple[str, str]]
"""Sections and keys of an ini file."""


def refused_modifications(view: View, role: EntityPath) -> tuple[tuple[str, str], ...]:
    """Return (item, why) of the role's modifications that cannot be meant; empty: none.

    Of a role of a category, a file counts that any node of it generates; a category without nodes
    may name every file that is ever generated and is an ini file.
    """
    entity = view.get(role)
    items = entity.words("configfilemodifications") if entity is not None else ()
    if entity is None or not items:
        return ()
    wanted = {item: _read(item) for item in items}
    read = [each for each in wanted.values() if not isinstance(each, str)]
    drops = _drops(read) if entity.values.get("merge") != "keys" else set()
    paths = {each.path for each in read}
    known = _known(view, role, paths, every_host=bool(drops))
    return tuple(
        (item, why)
        for item, each in wanted.items()
        for why in ((each,) if isinstance(each, str) else _whys(each, known, each in drops))
    )


def _drops(read: Iterable[Modification]) -> set[Modification]:
    """Return those that drop a key and are all that is said of it in this list.

    Where the keys of roles are added up it may be one that the category's role puts there.
    """
    kept = [*read]
    put = {each.where for each in kept if each.operation is Operation.SET}
    return {each for each in kept if each.operation is Operation.DROP and each.where not in put}


def _whys(
    each: Modification, known: dict[PurePosixPath, Keys | None] | None, dropped: bool
) -> Iterator[str]:
    if known is None:
        if each.path not in ini_paths():
            yield _why(each.path, dict.fromkeys(ini_paths(), Keys()))
        return
    keys = known.get(each.path)
    if keys is None:
        yield _why(each.path, known)
    elif dropped:
        yield from _not_there(each, keys)


def _read(item: str) -> Modification | str:
    """Return what *item* says, or what is wrong with it."""
    if is_hidden(item):
        return (
            f"its value is {MARK}, which stands for a secret that was hidden; write the value, or"
            " export with --secrets"
        )
    try:
        return parse(item)
    except BadValue as error:
        return error.why


def _known(
    view: View, role: EntityPath, wanted: set[PurePosixPath], *, every_host: bool
) -> dict[PurePosixPath, Keys | None] | None:
    """Return the files of the role's hosts with their keys, None for those that are no ini files.

    At least those *wanted*, and all keys of them if *every_host*.  None: it is not known, as there
    are no hosts, or another object has a value that no file can say, and is told so itself.
    """
    known: dict[PurePosixPath, Keys | None] = {}
    hosts = 0
    for device in _hosts(view, role):
        hosts += 1
        try:
            files = unmodified_files(view, device)
        except BadInput:
            return None
        for path, file in files.items():
            if not file.ini:
                known.setdefault(path, None)
            else:
                keys = IniText(file.text.encode()).keys() if path in wanted else ()
                known[path] = (known.get(path) or Keys()).union(keys)
        if wanted <= known.keys() and not every_host:
            break
    return known if hosts else None


def _hosts(view: View, role: EntityPath) -> Iterator[str]:
    """Yield hosts with the role: of nodes of a category, one for each way to differ in roles."""
    owner = role.parent
    assert owner is not None, "roles are inside of something"
    if owner.kind == "device":
        yield owner.name
        return
    seen = set[tuple[str, ...]]()
    for device in view.children(None, ("device",)):
        if device.values.get("category") == owner.name:
            way = (device.type, *view.names("roles", device.path))
            if way not in seen:
                seen.add(way)
                yield device.name


def _why(path: PurePosixPath, known: dict[PurePosixPath, Keys | None]) -> str:
    if path in known:
        return f"{path} is generated, but is no ini file"
    valid = ", ".join(str(each) for each, keys in sorted(known.items()) if keys is not None)
    return f"no role here generates {path}; files that can be modified here: {valid or 'none'}"


def _not_there(drop: Modification, known: Keys) -> Iterator[str]:
    """Yield why there is nothing to drop, where that is so."""
    section = normal_section(drop.section)
    keys = sorted(key for found, key in known if normal_section(found) == section)
    if not keys:
        sections = ", ".join(sorted({f"[{found}]" for found, _ in known})) or "none"
        yield f"no section [{drop.section}] is generated there; sections: {sections}"
    elif drop.key not in keys:
        yield f"no such key is generated there; keys of [{drop.section}]: {', '.join(keys)}"

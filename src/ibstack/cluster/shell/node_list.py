# SPDX-License-Identifier: Apache-2.0
"""Lists of nodes as administrators write them: `node001..node003,@gpu,-node002,^/root/list`.

ClusterShell holds and folds the sets; it takes `node001..node003` for one name, so what is
written in dots is put into its brackets first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, BadValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ClusterShell.NodeSet import NodeSet

MOST_NODES: Final = 100_000
"""A list of more is a slip of the finger."""

_KIND: Final = "node list"
# Blanks and commas part items, but not inside brackets.
_ITEM: Final = re.compile(r"(?:\[[^\]]*\]?|[^\s,\[])+")
_DOTS: Final = re.compile(r"(?P<left>.+?)\.\.(?P<right>[^:]+)(?::(?P<step>[0-9]+))?")
_RANGE: Final = re.compile(r"([0-9]+)(?:(?:-|\.\.)([0-9]+)(?:[:/]([0-9]+))?)?")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:-]*")


def expand(text: str, group: Callable[[str], Iterable[str]] | None = None) -> list[str]:
    """Return the names that a node list stands for, in natural order; BadValue for nonsense.

    *group* returns the members of `@NAME`; without it there are no groups.
    """
    wanted = _empty()
    for item in _items(text):
        taken = item.startswith("-")
        found = _members(item[taken:], text, group)
        if taken:
            wanted.difference_update(found)
        else:
            wanted.update(found)
        if len(wanted) > MOST_NODES:
            raise BadValue(_KIND, text, f"expected at most {MOST_NODES} nodes")
    return [str(name) for name in wanted]


def fold(names: Iterable[str]) -> str:
    """Return the shortest node list of *names*: in dots, and in brackets where dots cannot."""
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    nodes = NodeSet.fromlist(list(names), resolver=RESOLVER_NOGROUP)
    return ",".join(_dots(each) for each in nodes.contiguous())


def _dots(nodes: NodeSet) -> str:
    text = str(nodes)
    if "[" not in text:
        return text
    if text.count("[") > 1:
        return text.replace("/", ":")
    return f"{nodes[0]}..{nodes[-1]}"


def _empty() -> NodeSet:
    # ClusterShell takes 50 ms to import, which a shell that only sets one value need not wait for.
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    return NodeSet(resolver=RESOLVER_NOGROUP)


def _items(text: str) -> Iterator[str]:
    """Yield the items, with those of files in the places of the files."""
    for item in _ITEM.findall(text):
        if not item.startswith("^"):
            yield item
            continue
        try:
            path = Path(os.path.expanduser(item[1:]))
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise BadInput(f"cannot read the node list {item[1:]}: {why}") from error
        for line in lines:
            yield from _ITEM.findall(line.partition("#")[0])


def _members(item: str, text: str, group: Callable[[str], Iterable[str]] | None) -> NodeSet:
    if group is None or not item.startswith("@"):
        return _set(item, text)
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    return NodeSet.fromlist(list(group(item[1:])), resolver=RESOLVER_NOGROUP)


def _set(item: str, text: str) -> NodeSet:
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    pattern = _in_brackets(item, text)
    try:
        return NodeSet(pattern, resolver=RESOLVER_NOGROUP)
    except NodeSetException as error:
        raise BadValue(_KIND, text, f"{item!r}: {error}") from error


def _in_brackets(item: str, text: str) -> str:
    """Return the item as ClusterShell writes it."""
    if ".." in item and "[" not in item:
        item = _from_dots(item, text)
    pieces = re.split(r"(\[[^\[\]]*\])", item)
    size = 1
    for place, piece in enumerate(pieces):
        if place % 2:
            pieces[place], count = _bracket(piece, text)
            size *= count
        elif not _PLAIN.fullmatch(piece):
            raise BadValue(_KIND, text, f"{item!r}: expected names, a..b, [..] and commas")
        elif ".." in piece:
            raise BadValue(_KIND, text, f"{item!r}: put either dots or brackets into one item")
    if size > MOST_NODES:
        raise BadValue(_KIND, text, f"expected at most {MOST_NODES} nodes")
    return "".join(pieces)


def _from_dots(item: str, text: str) -> str:
    found = _DOTS.fullmatch(item)
    if found is None:
        raise BadValue(_KIND, text, f"{item!r}: expected two names with numbers around the dots")
    left, right = found["left"], found["right"]
    step = f":{found['step']}" if found["step"] else ""
    # The last number is the one that counts, as in rack1-node01..rack1-node03.
    for low in reversed(list(re.finditer(r"[0-9]+", left))):
        head, tail = left[: low.start()], left[low.end() :]
        for again, last in ((head, tail), ("", tail), ("", "")):
            high = right.removeprefix(again).removesuffix(last)
            if re.fullmatch(r"[0-9]+", high) and right == again + high + last:
                return f"{head}[{low[0]}-{high}{step}]{tail}"
    raise BadValue(_KIND, text, f"{item!r}: expected two names that differ in one number")


def _bracket(piece: str, text: str) -> tuple[str, int]:
    """Return the bracket as ClusterShell writes it, and how many names are in it."""
    ranges = []
    size = 0
    for each in piece[1:-1].split(","):
        found = _RANGE.fullmatch(each.strip())
        if found is None:
            raise BadValue(_KIND, text, f"{piece!r}: expected numbers as [1-4] or [1,3]")
        low, high, step = found[1], found[2] or found[1], found[3] or "1"
        if int(low) > int(high) or not int(step):
            raise BadValue(_KIND, text, f"{piece!r}: expected the lower number first")
        size += (int(high) - int(low)) // int(step) + 1
        ranges.append(low if high == low else f"{low}-{high}" + f"/{step}" * (step != "1"))
    return f"[{','.join(ranges)}]", size

# SPDX-License-Identifier: Apache-2.0
"""JSON files of a collection: what one is when it is not what was wanted, in a person's words.

They were saved by hand, of what a command printed or a server answered, so they may be anything.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ibstack.fabric.errors import BadInput

_SHOWN: Final = 60
_TABLE: Final = ("+-", "|", "┌", "╭")
"""How a table of the openstack client begins."""
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (dict, "an object"),
    (list, "a list"),
    (str, "a string"),
    (bool, "true or false"),
    ((int, float), "a number"),
)
_ERRORS: Final = ("NeutronError", "error", "message")
"""Where an OpenStack API says what is wrong: Neutron, Keystone, others."""


def read_object(text: str, file: str, remedy: str) -> dict[str, Any]:
    """Return the JSON object that *text* is; BadInput for anything else, with *remedy*."""
    text = text.removeprefix("\ufeff")  # As Windows begins a file.
    try:
        found = json.loads(text)
    except RecursionError:
        raise unreadable(file, "it is JSON of too many levels", remedy) from None
    except ValueError as error:
        raise unreadable(file, _no_json(text, error), remedy) from error
    if not isinstance(found, dict):
        raise unreadable(file, f"it is {kind_of(found)}, and no JSON object", remedy)
    return found


def read_list(text: str, file: str, key: str, remedy: str) -> list[Any]:
    """Return the whole list *key* of an API's answer; BadInput for anything else."""
    found = read_object(text, file, remedy)
    rows = found.get(key)
    if not isinstance(rows, list):
        has = f"no `{key}`" if rows is None else f"{kind_of(rows)} as `{key}`, and no list"
        raise unreadable(file, _refusal(found) or f"it has {has}", remedy)
    links = found.get(f"{key}_links")
    pages = links if isinstance(links, list) else ()
    if any(isinstance(each, dict) and each.get("rel") == "next" for each in pages):
        raise unreadable(file, f"it is one page of several, and not all {key}", remedy)
    return rows


def _refusal(found: dict[str, Any]) -> str:
    """Return what an API said in place of its answer, quoted; empty: it is no error."""
    for key in _ERRORS:
        said = found.get(key)
        said = said.get("message", said) if isinstance(said, dict) else said
        if said:
            return f"it is an error of the server: {str(said)[:_SHOWN]!r}"
    return ""


def unreadable(file: str, what: str, remedy: str) -> BadInput:
    return BadInput(f"cannot read {file}: {what}; {remedy}")


def kind_of(value: object) -> str:
    """Return a JSON value's kind, as a person says it."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null")


def _no_json(text: str, error: ValueError) -> str:
    start = text.strip()
    if not start:
        return "it is empty"
    if start.startswith("<"):
        return f"it is a page of HTML or XML, and no JSON: {start[:_SHOWN]!r}"
    if start.startswith(_TABLE):
        return "it is a table, and no JSON"
    if isinstance(error, json.JSONDecodeError):
        if _is_cut(text, error):
            return f"it is JSON that ends in the middle, at line {text.rstrip().count(chr(10)) + 1}"
        return f"it is no JSON from line {error.lineno}, column {error.colno} on"
    return "it is no JSON"


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    ends = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    return ends and text.lstrip()[0] in "[{"

# SPDX-License-Identifier: Apache-2.0
"""Neutron's agents, as its API shows them: `agents.json` of a collection is that answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ibstack.facts.json_file import kind_of, read_object, refusal, unreadable
from ibstack.facts.site import Agent
from ibstack.formats.codec import BadShape, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_THE_CLIENT: Final = ("Agent Type", "Binary")
_WANTED: Final = "wanted is the API's own answer to GET /v2.0/agents"
_REMEDY: Final = (
    f"{_WANTED}: `ibstack verify cloud --write FOLDER` writes it as FOLDER/agents.json, with OS_*"
    " of an administrator in the environment"
)


def agents_of(rows: object, source: str, remedy: str = _WANTED) -> tuple[Agent, ...]:
    """Read `agents` of that answer; BadInput, with *source*, for rows that are none."""
    try:
        return from_json(tuple[Agent, ...], rows)
    except BadShape as error:
        raise unreadable(source, f"agents{error}", remedy) from error


def load_agents(text: str, file: str) -> tuple[Agent, ...]:
    """Read the answer of the API; BadInput that says what the file is instead, and what to do."""
    if text.lstrip().startswith("[") and all(f'"{name}"' in text for name in _OF_THE_CLIENT):
        raise unreadable(
            file,
            "it is the list that `openstack network agent list -f json` prints, which has no"
            " configurations",
            _REMEDY,
        )
    found = read_object(text, file, _REMEDY)
    rows = found.get("agents")
    if not isinstance(rows, list):
        has = "no `agents`" if rows is None else f"{kind_of(rows)} as `agents`, and no list"
        raise unreadable(file, refusal(found) or f"it has {has}", _REMEDY)
    links = found.get("agents_links")
    if isinstance(links, list) and any(
        isinstance(e, dict) and e.get("rel") == "next" for e in links
    ):
        raise unreadable(file, "it is one page of several, and not all agents", _REMEDY)
    return agents_of(rows, file, _REMEDY)


def dump_agents(agents: Iterable[Agent]) -> str:
    """Return what load_agents() reads."""
    return json.dumps({"agents": to_json(tuple(agents))}, indent=1) + "\n"

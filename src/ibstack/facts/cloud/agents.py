# SPDX-License-Identifier: Apache-2.0
"""Neutron's agents, as its API shows them: `agents.json` of a collection is that answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ibstack.facts.json_file import read_list, unreadable
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
    return agents_of(read_list(text, file, "agents", _REMEDY), file, _REMEDY)


def dump_agents(agents: Iterable[Agent]) -> str:
    """Return what load_agents() reads."""
    return json.dumps({"agents": to_json(tuple(agents))}, indent=1) + "\n"

# SPDX-License-Identifier: Apache-2.0
"""The prompt: `[headnode->device*[node003*]->roles*[openstacknode*]]% `.

A star says that something is not committed yet: after a mode or submode, in any of its objects;
after an object, in it or inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.kind import SINGLE

if TYPE_CHECKING:
    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.shell.place import Place


def prompt(place: Place, draft: Draft, head: str, range_: str = "") -> str:
    """Return the prompt at *place*; *head* is the head node's name, *range_* what was chosen."""
    text = head.partition(".")[0]
    owner: EntityPath | None = None
    for kind, name in place.levels:
        text += f"->{kind}{_star(kind in draft.edited_kinds(owner))}"
        owner = EntityPath.below(owner, kind, name)
        if name and name != SINGLE:
            text += f"[{name}{_star(draft.is_edited(owner))}]"
    return f"[{text}{{{range_}}}]% " if range_ else f"[{text}]% "


def _star(edited: bool) -> str:
    return "*" if edited else ""

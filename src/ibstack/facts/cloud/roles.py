# SPDX-License-Identifier: Apache-2.0
"""Who has which role in which project, as Keystone says it: `roles.json` of a collection.

Either form is read: the API's own answer to GET /v3/role_assignments?include_names, and what
`openstack role assignment list --names -f json` prints.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.facts.json_file import kind_of, read_list, read_object, unreadable
from ibstack.facts.site import RoleAssignment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_REMEDY: Final = (
    "wanted is what `openstack role assignment list --names --effective -f json` prints, with OS_*"
    " of an administrator in the environment"
)
_NEEDED: Final = ("Role", "User", "Project")
"""Columns of the client's list, as all its releases name them."""


def load_roles(text: str, file: str) -> tuple[RoleAssignment, ...]:
    """Read either form; BadInput that says what the file is instead, and what to do."""
    if text.lstrip().startswith("["):
        return _rows(read_object(f'{{"rows": {text}}}', file, _REMEDY)["rows"], file, _of_client)
    return _rows(read_list(text, file, "role_assignments", _REMEDY), file, _of_api)


def roles_of(rows: Iterable[Any], source: str) -> tuple[RoleAssignment, ...]:
    """Read `role_assignments` of the API; BadInput, with *source*, for rows that are none."""
    return _rows(list(rows), source, _of_api)


def dump_roles(roles: Iterable[RoleAssignment]) -> str:
    """Return what load_roles() reads."""
    rows = [{"Role": each.role, "User": each.user, "Project": each.project} for each in roles]
    return json.dumps(rows, indent=1) + "\n"


def _rows(rows: list[Any], source: str, read: Any) -> tuple[RoleAssignment, ...]:
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise unreadable(source, f"assignment {number} is {kind_of(row)}", _REMEDY)
        try:
            assignment = read(row)
        except (KeyError, TypeError):
            wrong = f"assignment {number} has no names of its role and of whom it is for"
            raise unreadable(source, wrong, _REMEDY) from None
        if assignment is not None:
            found.append(assignment)
    return tuple(found)


def _of_client(row: Mapping[str, Any]) -> RoleAssignment | None:
    """Names stand there with their domain: `nova@Default`; empty where a column is not meant."""
    role, user, project = (row[name] for name in _NEEDED)
    if not user or not project:
        return None
    return RoleAssignment(_name(user), _name(role), str(project))


def _of_api(row: Mapping[str, Any]) -> RoleAssignment | None:
    project = row["scope"].get("project")
    if "user" not in row or not project:
        return None
    domain = project.get("domain") or {}
    where = f"{project['name']}@{domain['name']}" if "name" in domain else str(project["name"])
    return RoleAssignment(str(row["user"]["name"]), str(row["role"]["name"]), where)


def _name(text: str) -> str:
    return str(text).partition("@")[0]

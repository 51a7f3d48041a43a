# SPDX-License-Identifier: Apache-2.0
"""Neutron's REST API, spoken as one of the lab's users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from keystoneauth1 import exceptions

from ibstack.fabric.errors import BadInput, IbstackError
from ibstack.facts.cloud.network_api import Row, every_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keystoneauth1.session import Session

Resource: TypeAlias = Row


class NeutronClient:
    """The calls that the lab makes; IbstackError carries what Neutron answered."""

    def __init__(self, session: Session, url: str) -> None:
        self._session = session
        self._url = f"{url}/v2.0"

    def list(self, kind: str, **filters: str) -> list[Resource]:
        """Return all of *kind* (`ports`, `networks`, …) that the user may see."""

        def ask(words: Mapping[str, str]) -> Resource:
            return dict(self._ask("GET", kind, f"list {kind}", params=words))

        return every_row(ask, kind, filters)

    def show(self, kind: str, resource_id: str) -> Resource:
        answer = self._ask("GET", f"{kind}/{resource_id}", f"read {kind[:-1]} {resource_id}")
        return dict(answer[kind[:-1]])

    def find(self, kind: str, name: str) -> Resource:
        """Return the one of *kind* that is called *name*; BadInput where there is none."""
        found = self.list(kind, name=name)
        if len(found) != 1:
            names = ", ".join(sorted({str(each["name"]) for each in self.list(kind)})) or "none"
            what = "several are" if found else "none is"
            raise BadInput(
                f"cannot use {kind[:-1]} {name!r}: {what} called that; there are: {names}"
            )
        return found[0]

    def create(self, kind: str, **fields: Any) -> Resource:
        one = kind[:-1]
        return dict(self._ask("POST", kind, f"create a {one}", json={one: fields})[one])

    def update(self, kind: str, resource_id: str, **fields: Any) -> Resource:
        one, path = kind[:-1], f"{kind}/{resource_id}"
        return dict(self._ask("PUT", path, f"change {one} {resource_id}", json={one: fields})[one])

    def delete(self, kind: str, resource_id: str) -> None:
        self._ask("DELETE", f"{kind}/{resource_id}", f"delete {kind[:-1]} {resource_id}")

    def _ask(self, method: str, path: str, doing: str, **arguments: Any) -> Any:
        try:
            answer = self._session.request(f"{self._url}/{path}", method, **arguments)
        except exceptions.HttpError as error:
            raise IbstackError(f"cannot {doing}: Neutron said: {_said(error)}") from error
        except exceptions.ClientException as error:
            raise IbstackError(f"cannot {doing}: {error}") from error
        return answer.json() if answer.content else None


def _said(error: exceptions.HttpError) -> str:
    """Return Neutron's own words: keystoneauth does not know where Neutron puts them."""
    if error.response is None:
        return str(error)
    try:
        message = error.response.json()["NeutronError"]["message"]
    except (KeyError, TypeError, ValueError):
        return str(error)
    return f"{message} (HTTP {error.http_status})"

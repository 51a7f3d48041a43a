# SPDX-License-Identifier: Apache-2.0
"""Lists of Neutron's and Keystone's APIs, through openstacksdk: by OS_*, or OS_CLOUD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from ibstack.fabric.errors import TryLater
from ibstack.facts.cloud.pages import every_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FAILURES: Final = (SDKException, ClientException, OSError)


class OpenstackNetworks:
    """What the user of the environment may see; TryLater where Neutron cannot be asked."""

    def __init__(self) -> None:
        try:
            self._network = openstack.connect().network
        except _FAILURES as error:
            raise _away("connect to the cloud", error) from error

    def list(self, kind: str, **filters: str) -> Sequence[dict[str, Any]]:
        """Return all of *kind* (`ports`, `agents`, …), of all pages, as the API spells them."""

        def ask(words: Mapping[str, str]) -> dict[str, Any]:
            try:
                answer = self._network.get(f"/{kind}", params=words)
            except _FAILURES as error:
                raise _away(f"list {kind}", error) from error
            if answer.status_code != 200:
                raise _away(f"list {kind}", answer.text[:200])
            return _lists(answer, kind)

        return every_row(ask, kind, filters)


def role_assignments() -> Sequence[dict[str, Any]]:
    """Return who has which role where, with names and through groups; TryLater: cannot be asked."""
    doing = "list role assignments"
    try:
        words = {"include_names": "true", "effective": "true"}
        answer = openstack.connect().identity.get("/role_assignments", params=words)
    except _FAILURES as error:
        raise _away(doing, error) from error
    if answer.status_code != 200:
        raise _away(doing, answer.text[:200])
    found = _lists(answer, "role_assignments")
    if found.get("truncated"):  # By list_limit of Keystone.
        raise TryLater(f"cannot {doing}: Keystone cut the list; raise its [DEFAULT] list_limit")
    rows: Sequence[dict[str, Any]] = found["role_assignments"]
    return rows


def _lists(answer: Any, kind: str) -> dict[str, Any]:
    """Return the JSON of *answer*: a proxy before Neutron may answer 200 with a page of its own."""
    try:
        found = answer.json()
    except ValueError as error:
        raise _away(f"list {kind}", f"the answer is no JSON: {answer.text[:200]}") from error
    if not isinstance(found, dict) or not isinstance(found.get(kind), list):
        raise _away(f"list {kind}", f"the answer has no list of {kind}: {answer.text[:200]}")
    return found


def _away(what: str, why: object) -> TryLater:
    return TryLater(
        f"cannot {what}: {why}; is the cloud up, and are OS_AUTH_URL, OS_USERNAME and the rest of"
        " OS_* in the environment, of an administrator?"
    )

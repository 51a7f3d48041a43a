# SPDX-License-Identifier: Apache-2.0
"""Lists of Neutron's and Keystone's APIs, through openstacksdk: by OS_*, or OS_CLOUD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from ibstack.fabric.errors import TryLater
from ibstack.facts.cloud.network_api import Row, every_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ADMINISTRATOR: Final = ", of an administrator"
_FAILURES: Final = (SDKException, ClientException, OSError)


class OpenstackNetworks:
    """What the user of the environment may see; TryLater where Neutron cannot be asked."""

    def __init__(self, *, of: str = _ADMINISTRATOR) -> None:
        """*of*: whose credentials are needed, as the end of a sentence."""
        self._of = of
        try:
            self._network = openstack.connect().network
        except _FAILURES as error:
            raise _away("connect to the cloud", error, of) from error

    def list(self, kind: str, **filters: str) -> Sequence[Row]:
        """Return all of *kind* (`ports`, `agents`, …), of all pages, as the API spells them."""

        def ask(words: Mapping[str, str]) -> Row:
            return _asked(self._network, f"/{kind}", words, kind, self._of)

        return every_row(ask, kind, filters)


def role_assignments() -> Sequence[Row]:
    """Return who has which role where, with names and through groups; TryLater: cannot be asked."""
    words = {"include_names": "true", "effective": "true"}
    try:
        identity = openstack.connect().identity
    except _FAILURES as error:
        raise _away("list role assignments", error) from error
    found = _asked(identity, "/role_assignments", words, "role_assignments")
    if found.get("truncated"):  # By list_limit of Keystone.
        raise TryLater(
            "cannot list role assignments: Keystone cut the list; raise its [DEFAULT] list_limit"
        )
    rows: Sequence[Row] = found["role_assignments"]
    return rows


def _asked(
    service: Any, path: str, words: Mapping[str, str], kind: str, of: str = _ADMINISTRATOR
) -> Row:
    """Return an answer that has a list of *kind*; a proxy before the service may give any other."""
    doing = f"list {kind.replace('_', ' ')}"
    try:
        answer = service.get(path, params=words)
    except _FAILURES as error:
        raise _away(doing, error, of) from error
    if answer.status_code != 200:
        raise _away(doing, answer.text[:200], of)
    try:
        found = answer.json()
    except ValueError as error:
        raise _away(doing, f"the answer is no JSON: {answer.text[:200]}", of) from error
    if not isinstance(found, dict) or not isinstance(found.get(kind), list):
        raise _away(doing, f"the answer has no list of {kind}: {answer.text[:200]}", of)
    return found


def _away(what: str, why: object, of: str = _ADMINISTRATOR) -> TryLater:
    return TryLater(
        f"cannot {what}: {why}; is the cloud up, and are OS_AUTH_URL, OS_USERNAME and the rest of"
        f" OS_* in the environment{of}?"
    )

# SPDX-License-Identifier: Apache-2.0
"""The lab's real nova, spoken to as one of its users."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from ibstack_lab.nova.image_store import SMALL_ID
from ibstack_lab.services.accounts import session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.accounts import Account

WITHIN_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.2
_TINY: Final = "1"


class Servers:
    """The servers of one project."""

    def __init__(self, cloud: Cloud, who: Account) -> None:
        services = cloud.services()
        assert services.nova is not None
        self._session = session(who, services.keystone.auth_url, services.password)
        self._url = f"{services.nova.urls['compute']}/servers"

    def create(self, name: str, *ports: str) -> str:
        """Ask for a server with *ports*; return its id."""
        server = {
            "name": name,
            "flavorRef": _TINY,
            "imageRef": SMALL_ID,
            "networks": [{"port": port} for port in ports],
        }
        answer = self._session.post(self._url, json={"server": server})
        return str(answer.json()["server"]["id"])

    def show(self, server_id: str) -> Mapping[str, Any] | None:
        """Return a server; None where it is gone."""
        answer = self._session.get(f"{self._url}/{server_id}", raise_exc=False)
        shown: Mapping[str, Any] | None = answer.json().get("server")
        return shown

    def act(self, server_id: str, action: str, about: object = None) -> None:
        self._session.post(f"{self._url}/{server_id}/action", json={action: about})

    def delete(self, server_id: str) -> None:
        self._session.delete(f"{self._url}/{server_id}")
        self._wait(server_id, None)

    def wait(self, server_id: str, status: str) -> None:
        """Return when the server is in *status* and nothing is done to it any more."""
        self._wait(server_id, status)

    def _wait(self, server_id: str, status: str | None) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            server = self.show(server_id) or {}
            is_idle = server.get("OS-EXT-STS:task_state") is None
            if server.get("status") == status and is_idle:
                return
            failed = server.get("status") == "ERROR" and status != "ERROR" and is_idle
            late = time.monotonic() > deadline
            assert not failed, f"{server['name']}: {server.get('fault')}"
            assert not late, f"{server_id}: {server.get('status')}, not {status} ({server})"
            time.sleep(_LOOK_EVERY_S)

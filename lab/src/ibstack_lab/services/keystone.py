# SPDX-License-Identifier: Apache-2.0
"""The lab's Keystone: real projects and roles, so that Neutron's own policies decide."""

from __future__ import annotations

import getpass
import grp
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack_lab.folder import listening
from ibstack_lab.process import output_of
from ibstack_lab.services.accounts import ACCOUNTS, OPERATOR, REGION, Account, session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.services.mariadb import MariaDb

_CONFIGURATION: Final = """\
[DEFAULT]
public_endpoint = {endpoint}
use_stderr = true
[cache]
# In the one process that serves: no memcached.
backend = dogpile.cache.memory
enabled = true
[credential]
key_repository = {folder}/credential-keys
[database]
connection = {database}
[fernet_tokens]
key_repository = {folder}/fernet-keys
[identity]
# The cheapest that is allowed: what it protects is a lab's.
password_hash_rounds = 4
"""


class Keystone:
    """The identity service, and the network service's entry in its catalogue."""

    def __init__(self, lab: LabFolder, database: MariaDb, password: str) -> None:
        self._lab = lab
        self._database = database
        self._password = password
        self._folder = lab.service("keystone")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._lab.port('keystone')}"

    @property
    def auth_url(self) -> str:
        return f"{self.endpoint}/v3"

    @property
    def keys(self) -> tuple[Path, ...]:
        """The folders that belong to the data in the database."""
        return (self._folder / "fernet-keys", self._folder / "credential-keys")

    def configure(self) -> None:
        for keys in self.keys:
            keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / "keystone.conf").write_text(
            _CONFIGURATION.format(
                endpoint=self.endpoint, folder=self._folder, database=self._database.url("keystone")
            )
        )

    def process(self) -> Process:
        return self._lab.api("keystone", "keystone")

    def ready(self) -> bool:
        return listening(self._lab.port("keystone"))

    def point_catalogue(self, urls: Mapping[str, str]) -> None:
        """Write this run's addresses, by the type of service, into a prepared database."""
        statements = tuple(
            f"UPDATE endpoint SET url = '{url}' WHERE service_id IN"  # noqa: S608 ours
            f" (SELECT id FROM service WHERE type = '{kind}')"
            for kind, url in urls.items()
        )
        self._database.execute(statements, "keystone")

    def migrate(self) -> None:
        """Make the tables, the keys, the operator, and the identity service's own entry."""
        user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
        for keys in ("fernet_setup", "credential_setup"):
            self._manage(keys, "--keystone-user", user, "--keystone-group", group)
        self._manage("db_sync")
        self._manage(
            "bootstrap",
            *("--bootstrap-username", OPERATOR.name, "--bootstrap-password", self._password),
            *("--bootstrap-project-name", OPERATOR.project, "--bootstrap-region-id", REGION),
            *("--bootstrap-public-url", "$(public_endpoint)s/v3"),
        )

    def populate(self) -> None:
        """Make the projects, users and roles, and the other services, through the API."""
        services = {"neutron": "network", "nova": "compute"}
        self.add(services, [made for made in ACCOUNTS if made is not OPERATOR])

    def add(self, services: Mapping[str, str], accounts: Sequence[Account]) -> None:
        """Make *services*, types by name, and *accounts*, through the API."""
        directory = _Directory(session(OPERATOR, self.auth_url, self._password), self.auth_url)
        for name, kind in services.items():
            directory.create(
                "endpoint",
                interface="public",
                region_id=REGION,
                service_id=directory.create("service", name=name, type=kind),
                url="http://unknown",
            )
        for made in accounts:
            directory.admit(made, self._password)

    def _manage(self, *arguments: str) -> None:
        program = str(Path(sys.executable).with_name("keystone-manage"))
        argv = (program, f"--config-file={self._folder / 'keystone.conf'}", *arguments)
        mark = self._lab.known("keystone-manage").mark
        output_of(argv, "prepare Keystone", timeout_s=300, env=mark)


class _Directory:
    """The few calls of the identity API that fill an empty cloud."""

    def __init__(self, operator: Any, url: str) -> None:
        self._operator = operator
        self._url = url

    def create(self, kind: str, **fields: str) -> str:
        """Create one, return its id."""
        made = self._operator.post(f"{self._url}/{kind}s", json={kind: fields}).json()
        return str(made[kind]["id"])

    def admit(self, who: Account, password: str) -> None:
        project = self._project(who.project)
        user = self.create("user", name=who.name, password=password, domain_id="default")
        for role in who.roles:
            found = self._find("role", role)[0]
            self._operator.put(f"{self._url}/projects/{project}/users/{user}/roles/{found}")

    def _project(self, name: str) -> str:
        found = self._find("project", name)
        return found[0] if found else self.create("project", name=name, domain_id="default")

    def _find(self, kind: str, name: str) -> Sequence[str]:
        answer = self._operator.get(f"{self._url}/{kind}s", params={"name": name}).json()
        return [str(each["id"]) for each in answer[f"{kind}s"]]

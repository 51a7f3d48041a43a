# SPDX-License-Identifier: Apache-2.0
"""nova's services on the controller, with placement and a server of images."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import CommandFailed
from ibstack_lab.folder import listening
from ibstack_lab.nova import images, settings
from ibstack_lab.services import accounts
from ibstack_lab.startup import Component

if TYPE_CHECKING:
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.services.keystone import Keystone
    from ibstack_lab.services.mariadb import MariaDb
    from ibstack_lab.services.rabbitmq import RabbitMq

DATABASES: Final = ("nova_api", "nova", "nova_cell0", "placement")
CATALOGUE: Final = {"placement": "placement", "images": "image"}
"""Services by name, with their types, that a cloud has with nova only."""
NAMES: Final = ("placement", "images", "nova-conductor", "nova-scheduler", "nova-api")


def folder_of(lab: LabFolder) -> Path:
    """Return the folder that is there in a lab with nova, and in no other."""
    return lab.service("nova")


class NovaController:
    """What nova has on a controller."""

    def __init__(
        self, lab: LabFolder, database: MariaDb, broker: RabbitMq, keystone: Keystone, password: str
    ) -> None:
        self._lab = lab
        self._database = database
        self._broker = broker
        self.settings = settings.CommonSettings(keystone.auth_url, password, broker.transport_url)
        self._folder = folder_of(lab)

    @property
    def urls(self) -> dict[str, str]:
        """The addresses of its services by type, for the catalogue."""
        return {
            "placement": self._url("placement"),
            "image": self._url("images"),
            "compute": f"{self._url('nova')}/v2.1",
        }

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._lab.port(service)}"

    def configure(self) -> None:
        (self._folder / "lock").mkdir(parents=True, exist_ok=True)
        addresses = {name: self._database.url(name) for name in DATABASES}
        _write(
            self._folder / "nova.conf",
            settings.nova_controller(self.settings, accounts.NOVA, self._folder, addresses),
        )
        _write(
            self._folder / "placement.conf",
            settings.placement(self.settings, accounts.PLACEMENT, addresses["placement"]),
        )
        store = self._lab.service("images")
        images.store_in(store).add_small()
        _write(store / images.CONFIGURATION, self.settings.tokens(accounts.IMAGES))

    # Once, for a prepared database.

    def migrate(self) -> None:
        """Make all tables, the cells and the flavors."""
        self._database.execute(
            [f"CREATE DATABASE {name} CHARACTER SET utf8mb3" for name in DATABASES]
        )
        placement = (str(Path(sys.executable).with_name("placement-manage")),)
        nova = (sys.executable, "-m", "ibstack_lab.nova.migrate")
        with ThreadPoolExecutor() as pool:
            jobs = (
                pool.submit(self._manage, (*nova, *self._settings("nova"))),
                pool.submit(self._manage, (*placement, *self._settings("placement"), "db", "sync")),
            )
            for job in jobs:
                job.result()

    def _manage(self, argv: tuple[str, ...]) -> None:
        env = {**os.environ, **self._lab.known("nova-manage").mark}
        done = subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            said = done.stderr or done.stdout
            raise CommandFailed(argv, done.returncode, said, "prepare nova's databases")

    # Processes.

    def early(self) -> list[Component]:
        """What the others ask as soon as they start, and remember where it is missing."""
        return [self._placement(), self._images(), *self._workers("conductor"), self._api()]

    def late(self) -> list[Component]:
        return self._workers("scheduler")

    def components(self) -> dict[str, Component]:
        return {each.process.name: each for each in (*self.early(), *self.late())}

    def _placement(self) -> Component:
        env = {"OS_PLACEMENT_CONFIG_DIR": str(self._folder)}
        return self._wsgi("placement", "placement.wsgi.api", "placement", env)

    def _images(self) -> Component:
        env = {images.FOLDER: str(self._lab.service("images"))}
        return self._wsgi("images", "ibstack_lab.nova.images", "images", env)

    def _api(self) -> Component:
        # The first file is the paste file, whatever it is called.
        paste = Path(sys.prefix) / "etc" / "nova" / "api-paste.ini"
        env = {
            "OS_NOVA_CONFIG_DIR": str(self._folder),
            "OS_NOVA_CONFIG_FILES": f"{paste};nova.conf",
        }
        return self._wsgi("nova-api", "nova.wsgi.osapi_compute", "nova", env)

    def _wsgi(self, name: str, module: str, service: str, env: dict[str, str]) -> Component:
        port = self._lab.port(service)
        argv = (sys.executable, "-m", "ibstack_lab.services.wsgi", module, str(port))
        process = self._lab.process(name, argv, env=env, cwd=self._folder)
        return Component(process, lambda: listening(port), timeout_s=180)

    def _workers(self, kind: str) -> list[Component]:
        process = program(self._lab, f"nova-{kind}", kind, self._folder / "nova.conf")
        return [Component(process, lambda: self._broker.served(kind), timeout_s=180)]

    def _settings(self, name: str) -> tuple[str, str]:
        return "--config-file", str(self._folder / f"{name}.conf")


def program(lab: LabFolder, name: str, kind: str, configuration: Path) -> Process:
    """Return component *name*: one of nova's programs (compute, conductor, scheduler)."""
    argv = (sys.executable, "-m", "ibstack_lab.nova.program", kind)
    return lab.process(name, (*argv, "--config-file", str(configuration)), cwd=configuration.parent)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)  # It holds passwords.
    path.write_text(text)

# SPDX-License-Identifier: Apache-2.0
"""A cloud's database, migrated and populated once, and copied for each lab.

To migrate Neutron's and Keystone's databases takes half a minute of Python; to copy the result,
a tenth of a second.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.runtime.atomic_file import replace_file
from ibstack_lab.services import accounts, keystone, mariadb, neutron_server
from ibstack_lab.services.rabbitmq import RabbitMq

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack_lab.folder import LabFolder

_DISTRIBUTIONS: Final = ("neutron", "neutron-lib", "keystone", "alembic", "sqlalchemy")
_MODULES: Final = (accounts, keystone, mariadb, neutron_server)
_PASSWORD_FILE: Final = "password"  # noqa: S105 a name


def copy_into(lab: LabFolder, cache: Path, say: Callable[[str], None]) -> str:
    """Put a prepared database and Keystone's keys into *lab*; return the accounts' password."""
    cache.mkdir(parents=True, exist_ok=True)
    ready = cache / _version()
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another lab, which prepares the cloud's database")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            say("preparing the cloud's database, once (half a minute)")
            _prepare(cache, ready, lab.nursery)
    shutil.copytree(ready / "services", lab.root / "services", dirs_exist_ok=True)
    for folder in ("mariadb", "keystone"):
        lab.service(folder).chmod(0o700)
    secret = lab.root / _PASSWORD_FILE
    shutil.copy(ready / _PASSWORD_FILE, secret)
    return password(lab)


def password(lab: LabFolder) -> str:
    """Return the password of all accounts of *lab*, and of its broker; empty before copy_into()."""
    secret = lab.root / _PASSWORD_FILE
    return secret.read_text().strip() if secret.exists() else ""


def _version() -> str:
    """Return a name that changes with whatever the prepared data are made of."""
    said = [f"{name} {importlib.metadata.version(name)}" for name in _DISTRIBUTIONS]
    said += [Path(str(module.__file__)).read_text() for module in _MODULES]
    said.append(Path(__file__).read_text())
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]


def _prepare(cache: Path, ready: Path, nursery: LabFolder) -> None:
    for former in cache.glob("*/"):
        shutil.rmtree(former)  # Of other versions, or cut short.
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, nursery.root, ignore_errors=True)
        _fill(nursery)
        # Collected beside its place and renamed: what is there is whole.
        beside = cache / "new"
        for part in ("mariadb/data", "keystone/fernet-keys", "keystone/credential-keys"):
            shutil.copytree(nursery.root / "services" / part, beside / "services" / part)
        shutil.copy(nursery.root / _PASSWORD_FILE, beside)
        beside.rename(ready)


def _fill(lab: LabFolder) -> None:
    lab.choose_ports()
    replace_file(lab.root / _PASSWORD_FILE, secrets.token_hex(12) + os.linesep, mode=0o600)
    database = mariadb.MariaDb(lab)
    identity = keystone.Keystone(lab, database, password(lab))
    network = neutron_server.NeutronServer(lab, database, "logger")
    with ExitStack() as undo:
        database.install()
        server = database.process()
        undo.callback(server.stop)
        server.start()
        server.wait_until(database.ready, timeout_s=60)
        database.create_databases()
        identity.configure()
        network.configure(identity, RabbitMq(lab, password(lab)), password(lab))
        with ThreadPoolExecutor() as pool:
            for done in (pool.submit(network.migrate), pool.submit(identity.migrate)):
                done.result()
        for served, process in ((identity, identity.process()), (network, network.api())):
            undo.callback(process.stop)
            process.start()
            process.wait_until(served.ready, timeout_s=120)
        identity.populate()

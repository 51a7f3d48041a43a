# SPDX-License-Identifier: Apache-2.0
"""A cloud's database, migrated and populated once, and copied for each lab.

To migrate Neutron's and Keystone's databases takes half a minute of Python, nova's as much again;
to copy the result, a tenth of a second.
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
from ibstack_lab.nova import controller as nova
from ibstack_lab.services import accounts, keystone, mariadb, neutron_server
from ibstack_lab.services.rabbitmq import RabbitMq

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack_lab.folder import LabFolder

_DISTRIBUTIONS: Final = ("neutron", "neutron-lib", "keystone", "alembic", "sqlalchemy")
_MODULES: Final = (accounts, keystone, mariadb, neutron_server)
_OF_NOVA: Final = ("nova", "openstack-placement")
_MODULES_OF_NOVA: Final = ("controller.py", "migrate.py", "settings.py")
_NOVA: Final = "nova-"
"""What the names of databases with nova begin with."""
_NEW: Final = "new"
_PARTS: Final = ("mariadb/data", "keystone/fernet-keys", "keystone/credential-keys")
_PASSWORD_FILE: Final = "password"  # noqa: S105 a name


def copy_into(
    lab: LabFolder, cache: Path, say: Callable[[str], None], *, with_nova: bool = False
) -> str:
    """Put a prepared database and Keystone's keys into *lab*; return the accounts' password.

    *with_nova*: nova's and placement's databases, cells, flavors and accounts too.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another lab, which prepares the cloud's database")
            fcntl.flock(lock, fcntl.LOCK_EX)
        ready = _ready(cache, lab.nursery, say)
        if with_nova:
            ready = _ready_with_nova(cache, lab.nursery, ready, say)
    _take(ready, lab)
    return password(lab)


def _ready(cache: Path, nursery: LabFolder, say: Callable[[str], None]) -> Path:
    """Return the folder of Neutron's and Keystone's databases."""
    ready = cache / _version()
    if not ready.exists():
        say("preparing the cloud's database, once (half a minute)")
        # Of other versions, or cut short; what was made on top of them as well.
        for former in cache.glob("*/"):
            shutil.rmtree(former)
        _prepare(ready, nursery, _fill)
    return ready


def _ready_with_nova(
    cache: Path, nursery: LabFolder, plain: Path, say: Callable[[str], None]
) -> Path:
    """Return the folder of those in *plain* and nova's."""
    ready = cache / f"{_NOVA}{_version_of_nova()}"
    if not ready.exists():
        say("preparing nova's databases, once (half a minute)")
        for former in (*cache.glob(f"{_NOVA}*/"), *cache.glob(f"{_NEW}/")):
            shutil.rmtree(former)

        def fill(lab: LabFolder) -> None:
            _take(plain, lab)
            _add_nova(lab)

        _prepare(ready, nursery, fill)
    return ready


def _take(ready: Path, lab: LabFolder) -> None:
    shutil.copytree(ready / "services", lab.root / "services", dirs_exist_ok=True)
    for folder in ("mariadb", "keystone"):
        lab.service(folder).chmod(0o700)
    shutil.copy(ready / _PASSWORD_FILE, lab.root / _PASSWORD_FILE)


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


def _version_of_nova() -> str:
    said = [f"{name} {importlib.metadata.version(name)}" for name in _OF_NOVA]
    folder = Path(str(nova.__file__)).parent
    said += [(folder / module).read_text() for module in _MODULES_OF_NOVA]
    return hashlib.sha256("\0".join([_version(), *said]).encode()).hexdigest()[:16]


def _prepare(ready: Path, nursery: LabFolder, fill: Callable[[LabFolder], None]) -> None:
    """Have *fill* make databases in *nursery*, and keep them as *ready*."""
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, nursery.root, ignore_errors=True)
        nursery.root.mkdir(parents=True, exist_ok=True)
        fill(nursery)
        # Collected beside its place and renamed: what is there is whole.
        beside = ready.with_name(_NEW)
        for part in _PARTS:
            shutil.copytree(nursery.root / "services" / part, beside / "services" / part)
        if nova.folder_of(nursery).exists():
            (beside / "services" / nova.folder_of(nursery).name).mkdir()
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


def _add_nova(lab: LabFolder) -> None:
    """Add nova to the databases of *lab*, which nobody serves yet."""
    lab.choose_ports()
    nova.folder_of(lab).mkdir()
    database = mariadb.MariaDb(lab)
    broker = RabbitMq(lab, password(lab))
    identity = keystone.Keystone(lab, database, password(lab))
    compute = nova.NovaController(lab, database, broker, identity, password(lab))
    with ExitStack() as undo:
        server = database.process()
        undo.callback(server.stop)
        server.start()
        server.wait_until(database.ready, timeout_s=60)
        identity.configure()
        compute.configure()
        served = identity.process()
        undo.callback(served.stop)
        served.start()
        compute.migrate()
        served.wait_until(identity.ready, timeout_s=120)
        identity.add(nova.CATALOGUE, accounts.OF_NOVA)
